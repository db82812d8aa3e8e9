"""Which of sacrebleu's BLEU tokenizers exist, and whether one can be used on this machine. Nothing is downloaded."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from metrics.base import MetricError

BLEU_TOKENIZERS = (
    "none",
    "zh",
    "13a",
    "intl",
    "char",
    "ja-mecab",
    "ko-mecab",
    "spm",
    "flores101",
    "flores200",
    "spBLEU-1K",
)
"""sacrebleu's tokenizers. The last four are SentencePiece models that must already lie in sacrebleu's folder."""

_SENTENCEPIECE = ("spm", "flores101", "flores200", "spBLEU-1K")
_MECAB_EXTRA = {"ja-mecab": "ja", "ko-mecab": "ko"}


def require_tokenizer(name: str) -> None:
    """Check that an optional tokenizer can be made here; sacrebleu would download, or fail with a traceback.

    Raises:
        MetricError: Packages or a model file are missing.
    """
    if name in _MECAB_EXTRA:
        _require_mecab(name)
    elif name in _SENTENCEPIECE:
        _require_sentencepiece(name)


def _require_mecab(name: str) -> None:
    from sacrebleu.metrics.bleu import _get_tokenizer

    try:
        _get_tokenizer(name)()
    except RuntimeError as error:
        raise MetricError(
            f"bleu: tokenize: '{name}' needs Python packages that are missing or broken; "
            f"run: pip install 'sacrebleu[{_MECAB_EXTRA[name]}]', or choose another tokenizer, e.g. char"
        ) from error
    except AssertionError as error:
        raise MetricError(
            f"bleu: tokenize: '{name}' found another MeCab dictionary than sacrebleu's ({error}); "
            f"run: pip install 'sacrebleu[{_MECAB_EXTRA[name]}]' in a clean environment"
        ) from error


def _require_sentencepiece(name: str) -> None:
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
    from sacrebleu.utils import SACREBLEU_DIR

    url = SPM_MODELS[name]["url"]
    model = Path(SACREBLEU_DIR) / "models" / Path(url).name
    problems = []
    if find_spec("sentencepiece") is None:
        problems.append("the Python package sentencepiece is missing; run: pip install sentencepiece")
    if not model.exists():
        problems.append(
            f"its model file {model} is missing; fetch {url} and save it there (nothing is downloaded for you)"
        )
    if problems:
        raise MetricError(f"bleu: tokenize: '{name}' cannot be used: " + "; ".join(problems))
