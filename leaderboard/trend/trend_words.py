"""What a trend shows, in words: the last step, the marks of a chart, how the steps were decided."""

from __future__ import annotations

from collections.abc import Callable, Collection

from harness.changes import Basis, Change, ChangeVerdict

_STEPS: dict[ChangeVerdict, str] = {
    "better": "Better than the run before",
    "worse": "Worse than the run before",
    "no difference shown": "No difference to the run before can be shown",
    "not known": "Without intervals nobody can tell whether it differs from the run before",
}
_BASES: dict[Basis, str] = {
    "segments": "the two runs' scores of the same segments were compared (per language, p-values corrected over the "
    "languages after Benjamini and Hochberg, 5 %)",
    "intervals": "no common segments were kept or looked at: the two intervals decided, taken as independent, which "
    "misses small changes",
    "": "no interval is known: whether anything changed cannot be told",
}


def last_step(
    step: Change | None, languages: tuple[int, int, int], broken: str, kind: str, signed: Callable[[float | None], str]
) -> str:
    """A sentence.

    Args:
        step: The mean's change. languages: How many got better, got worse, and were compared.
        broken: Why the last run cannot be compared; empty where it can.
        kind: What ``languages`` are called. signed: Writes a difference.
    """
    if broken:
        return f"The last run cannot be compared with the one before it: {broken}."
    if step is None or step.delta is None:
        return "Whether the last run is better or worse than the one before it cannot be told."
    mean = f"{_STEPS[step.verdict]}: {signed(step.delta)}"
    if step.low is not None:
        mean += f" ({signed(step.low)} to {signed(step.high)})"
    better, worse, compared = languages
    if compared < 2:
        return f"{mean}."
    return f"{mean} in the mean; {worse} of {compared} {kind} got worse, {better} got better."


def legend(*, verdicts: Collection[str], changed: bool, broken: bool) -> list[str]:
    """The marks of a chart that has steps of these verdicts, other systems, or breaks."""
    parts = ["● mean over languages, with its 95\u00a0% interval"]
    parts += ["◆ the system is another one than in the run before"] if changed else []
    parts += ["▲ surely better than the run before, by so much"] if "better" in verdicts else []
    parts += ["▼ surely worse"] if "worse" in verdicts else []
    parts += ["┆≠ not comparable across this line"] if broken else []
    return parts


def basis(used: Collection[Basis]) -> str:
    """How steps that rest on these were decided."""
    return "; ".join(words for one, words in _BASES.items() if one in used)
