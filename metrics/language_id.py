"""Off-target outputs: in another language, or another script, than was asked for.

``wrong_script`` looks at letters only and works for every language. ``off_target`` also asks a language identifier
(py3langid, the extra ``lid``), for the 140 languages it knows, in the scripts it was trained on; for others it is the
same as ``wrong_script``. An output without letters is in no language, and is not flagged; ``empty_output`` counts the
empty ones. Identifiers take close relatives for each other: those in one row of ``_ALIKE`` count as the same.

References: Zhang et al. 2020, https://aclanthology.org/2020.acl-main.148/ (off-target translation, as the share of
outputs in another language by an identifier); https://github.com/adbar/py3langid.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec

from metrics.base import MetricError, Segment
from metrics.flags import FlagMetric, flag_info
from metrics.scripts import check_script, letters, share_in

_HALF = 0.5
_FEWEST_LETTERS = 12  # shorter texts say too little to an identifier

_ALIKE = (
    frozenset(["ar", "ary", "arz"]),
    frozenset(["bs", "hr", "sr"]),
    frozenset(["id", "ms"]),
    frozenset(["nb", "nn", "no"]),
    frozenset(["fil", "tl"]),
    frozenset(["gn", "gug"]),
    frozenset(["ku", "sdh"]),
    frozenset(["el", "grc"]),
    frozenset(["he", "hbo"]),
    frozenset(["ki", "kik"]),
    frozenset(["ff", "fuv"]),
    frozenset(["zh", "wuu", "yue"]),
    frozenset(["st", "nso"]),
)
"""Labels for one language, or for languages that a short text does not tell apart."""

_SCRIPTS = {
    **dict.fromkeys(["ar", "ary", "arz", "fa", "ps", "sdh", "ug", "ur", "uzs"], "Arab"),
    **dict.fromkeys(["as", "bn"], "Beng"),
    **dict.fromkeys(["ba", "be", "bg", "kk", "ky", "mk", "mn", "ru", "tg", "tt", "uk"], "Cyrl"),
    **dict.fromkeys(["gom", "hi", "mr", "ne", "sa"], "Deva"),
    **dict.fromkeys(["el", "grc"], "Grek"),
    **dict.fromkeys(["he", "hbo"], "Hebr"),
    **dict.fromkeys(["wuu", "yue", "zh"], "Hans Hant"),
    **{"am": "Ethi", "dz": "Tibt", "gu": "Gujr", "hy": "Armn", "ja": "Jpan", "ka": "Geor", "km": "Khmr"},
    **{"kn": "Knda", "ko": "Hang Kore", "lo": "Laoo", "ml": "Mlym", "my": "Mymr", "or": "Orya", "pa": "Guru"},
    **{"si": "Sinh", "sr": "Cyrl Latn", "ta": "Taml", "te": "Telu", "th": "Thai"},
}
"""Scripts in which the identifier knows a language; Latin for all others."""

Identify = Callable[[str], tuple[str, float]]


class WrongScript(FlagMetric):
    """Less than half of an output's letters are of the target language's script.

    Args:
        script: ISO 15924 code of the target language's script; whoever knows the language gives it.

    Raises:
        MetricError: No such script.
    """

    def __init__(self, *, script: str = "") -> None:
        info = flag_info("wrong_script", "wrong script", "Share of outputs mostly in another script than asked for.")
        super().__init__(info, {"script": script or "none"})
        self.script = script
        if script:
            check_script("wrong_script: script", script)

    def flag(self, segment: Segment) -> bool:
        if not self.script:
            raise MetricError("wrong_script: the script is not known; give the target language, or the option script")
        return _other_script(segment.hypothesis, self.script)


class OffTarget(FlagMetric):
    """An output in another script than the target language's, or in which an identifier finds another language.

    Args:
        language: ISO 639-1 or -3 code of the target language. script: ISO 15924 code of its script.
        confidence: Only another language found with at least this probability counts, 0-1.

    Raises:
        MetricError: No such script, or a confidence that is none.
    """

    def __init__(self, *, language: str = "", script: str = "", confidence: float = _HALF) -> None:
        info = flag_info("off_target", "off-target", "Share of outputs in another language or script than asked for.")
        if not 0 <= confidence <= 1:
            raise MetricError(f"off_target: confidence: {confidence} is no probability; give 0 to 1")
        if script:
            check_script("off_target: script", script)
        self.language = language
        self.script = script
        self.confidence = confidence
        super().__init__(info, {"language": language or "none", "script": script or "none"})

    def signature(self) -> str:
        """With the identifier and its version; ``none`` where it does not know the language."""
        known = self._accepted()
        identifier = f"py3langid-{version('py3langid')}|confidence:{self.confidence:g}" if known else "none"
        settings, _, definitions = super().signature().rpartition("|")
        return f"{settings}|identifier:{identifier}|{definitions}"

    def flag(self, segment: Segment) -> bool:
        if not self.language or not self.script:
            raise MetricError(
                "off_target: the language is not known; give the target language, or the options language and script"
            )
        text = segment.hypothesis
        if _other_script(text, self.script):
            return True
        accepted = self._accepted()
        if not accepted or letters(text) < _FEWEST_LETTERS:
            return False
        found, probability = _identifier()[1](text)
        return found not in accepted and found != "zxx" and probability >= self.confidence

    def _accepted(self) -> frozenset[str]:
        """What the identifier may call the language; empty where it does not know it in this script.

        Raises:
            MetricError: The identifier is not installed.
        """
        if not self.language:
            return frozenset()
        names = next((names for names in _ALIKE if self.language in names), frozenset([self.language]))
        scripts = {script for name in names for script in _SCRIPTS.get(name, "Latn").split()}
        return names if self.script in scripts and names & _identifier()[0] else frozenset()


def _other_script(text: str, script: str) -> bool:
    share = share_in(text, script)
    return share is not None and share < _HALF


@cache
def _identifier() -> tuple[frozenset[str], Identify]:
    """Labels of the identifier, and what it takes a text for, with the probability.

    Raises:
        MetricError: It is not installed.
    """
    if find_spec("py3langid") is None:
        raise MetricError(
            "off_target: needs the Python package py3langid; run: pip install 'glotbench[lid]', or use wrong_script, "
            "which needs none"
        )
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def identify(text: str) -> tuple[str, float]:
        label, probability = identifier.classify(" ".join(text.split()))
        return str(label), float(probability)

    return frozenset(identifier.labels), identify
