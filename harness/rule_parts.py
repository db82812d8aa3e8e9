"""What rules about quality share: what a finding is about, which languages are judged as one, what waits for reruns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.matching import Family, MatchedRuns
from harness.pairing import MACRO
from harness.policy import GateRule
from harness.verdicts import Finding, unconfirmed


def finding_about(matched: MatchedRuns, name: str, family: Family, language: str) -> Finding:
    """A finding without a verdict yet: what it is about, and the scores as recorded."""
    model, task, variant, prompt, metric = family
    new, old = matched.scores(family, language)
    known = new or old
    return Finding(
        rule=name,
        model=model,
        task=task,
        variant=variant,
        prompt=prompt,
        language=language,
        metric=metric,
        verdict="passed",
        reason="",
        value=new.value if new else None,
        baseline=old.value if old else None,
        decimals=known.decimals if known else 1,
    )


def language_sets(
    matched: MatchedRuns, rule: GateRule, family: Family, languages: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """What a rule judges as one, by its label: every language, all of them, or each group of them."""
    if not languages:
        return
    if rule.scope == "macro":
        yield MACRO, list(languages)
    elif rule.by is not None:
        for group in matched.groups(family, languages, rule.by):
            yield f"{group.kind} {group.name}", [language for language in languages if language in group.rows]
    else:
        yield from ((language, [language]) for language in languages)


def confirmed(finding: Finding, matched: MatchedRuns, family: Family, languages: Sequence[str]) -> Finding:
    """The regression, or where further runs must bear it out and have not been given, an open question."""
    scores = [matched.scores(family, language)[0] for language in languages]
    missing = max(0 if score is None else matched.unconfirmed(score) for score in scores)
    return unconfirmed(finding, missing) if missing else finding


def show(value: float, decimals: int) -> str:
    """A fixed-point number; what is zero has no sign."""
    return f"{value + 0.0:.{decimals}f}"
