"""sacrebleu's BLEU tokenizers: which exist, whether one can be used on this machine, and one from a model file.

Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from metrics.base import MetricError

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

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
"""sacrebleu's tokenizers. The last four are SentencePiece models, in a file or in sacrebleu's folder."""

SENTENCEPIECE_TOKENIZERS = ("spm", "flores101", "flores200", "spBLEU-1K")
_MECAB_EXTRA = {"ja-mecab": "ja", "ko-mecab": "ko"}


def require_tokenizer(name: str) -> None:
    """Check that an optional tokenizer can be made here; sacrebleu would download, or fail with a traceback.

    Raises:
        MetricError: Packages or a model file are missing.
    """
    if name in _MECAB_EXTRA:
        _require_mecab(name)
    elif name in SENTENCEPIECE_TOKENIZERS:
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
            f"its model file {model} is missing; fetch {url} and save it there, or say where it is with the option "
            "tokenizer_path=FILE (nothing is downloaded for you)"
        )
    if problems:
        raise MetricError(f"bleu: tokenize: '{name}' cannot be used: " + "; ".join(problems))


class SentencePieceFile:
    """sacrebleu's SentencePiece tokenizer with a model from any file.

    Args:
        name: Which of sacrebleu's models the file is.
        path: The ``.model`` file.

    Raises:
        MetricError: The package or the file is missing, or the file is no SentencePiece model.
    """

    def __init__(self, name: str, path: str) -> None:
        from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS

        where = f"bleu: tokenizer_path: {path}"
        if find_spec("sentencepiece") is None:
            raise MetricError(f"{where}: the Python package sentencepiece is missing; run: pip install sentencepiece")
        if not Path(path).is_file():
            raise MetricError(
                f"{where}: no such file; give the model of '{name}', which is at {SPM_MODELS[name]['url']}"
            )
        from sentencepiece import SentencePieceProcessor

        content = Path(path).read_bytes()
        self._processor = SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(content)
        except RuntimeError as error:
            raise MetricError(f"{where}: not a SentencePiece model; give the .model file of '{name}'") from error
        self._name = SPM_MODELS[name]["signature"]
        self.content_hash = hashlib.sha256(content).hexdigest()[:12]
        self._tokenized = lru_cache(maxsize=2**16)(self._tokenize)

    def signature(self) -> str:
        """sacrebleu's name of the model."""
        return str(self._name)

    def __call__(self, line: str) -> str:
        """Pieces of a text with spaces between them."""
        return self._tokenized(line)

    def use_in(self, scorer: BLEU) -> None:
        """Let a sacrebleu object tokenise with this."""
        scorer.tokenizer = self
        scorer.tokenizer_signature = self.signature()

    def _tokenize(self, line: str) -> str:
        return " ".join(self._processor.EncodeAsPieces(line))
