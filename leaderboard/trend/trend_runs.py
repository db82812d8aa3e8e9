"""The runs of one model as the templates show them: when, what of the system changed, what the gate said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.series import Series, identity_changes, moment
from harness.step_verdicts import GateFinding, GateVerdict
from leaderboard.data.site_data import Site
from leaderboard.data.step_results import Steps
from leaderboard.markup.pages import segment_page

SYMBOLS = {
    "passed": "✓",
    "regressed": "✗",
    "missing scores": "∅",
    "inconclusive": "?",
    "not comparable": "≠",
    "nothing judged": "–",
    "not judged": "–",
}
"""What stands beside the words of an outcome."""

MEANINGS = {
    "passed": "no rule fails",
    "regressed": "a loss beyond the margin of a rule is sure",
    "missing scores": "scores that the run before had are missing",
    "inconclusive": "the data neither show nor exclude a loss beyond the margin of a rule that minds it",
    "not comparable": "data, prompt, metric or decoding settings differ between the two runs",
    "nothing judged": "no rule of the policy is about this model",
    "not judged": "the gate could not judge this step",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the gate said about a step, and which pages have the segments of its findings."""

    verdict: GateVerdict
    against: RunView
    links: tuple[str, ...]

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.verdict.outcome]

    @property
    def meaning(self) -> str:
        return MEANINGS[self.verdict.outcome]

    @property
    def findings(self) -> list[tuple[GateFinding, str]]:
        return list(zip(self.verdict.findings, self.links, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run of a model.

    Attributes:
        changed: What of the model's identity is other than in the run before, ``(what, before, after)``.
        versions: The same of the programs it ran with.
        when: The day it was made, with the time where other runs of the model are of the same day. short: The same as
            far as it differs.
    """

    run: int
    id: str
    digest: str
    created: str
    changed: tuple[tuple[str, str, str], ...]
    versions: tuple[tuple[str, str, str], ...]
    complete: bool
    when: str
    short: str


def run_views(site: Site, series: Series) -> dict[int, RunView]:
    """Every run of a series, in order, by its position in the records."""
    found: dict[int, RunView] = {}
    earlier = None
    times = [moment(site.folders[run].record.created) for run in series.runs]
    whole, short = _shown(times)
    for place, run in enumerate(series.runs):
        folder = site.folders[run]
        record = folder.record
        changed: list[tuple[str, str, str]] = [] if earlier is None else identity_changes(earlier, record, series.model)
        found[run] = RunView(
            run=run,
            id=record.run_id,
            digest=folder.digest,
            created=record.created,
            changed=tuple(changed),
            versions=() if earlier is None else _versions(earlier.versions, record.versions),
            complete=record.complete,
            when=times[place].strftime(whole),
            short=times[place].strftime(short),
        )
        earlier = record
    return found


def _shown(times: Sequence[datetime]) -> tuple[str, str]:
    """How to write times so that they differ, whole and under a chart: days, unless runs share one."""
    if len({one.date() for one in times}) == len(times):
        return "%Y-%m-%d", "%Y-%m-%d"
    same_minute = len({one.strftime("%Y-%m-%d %H:%M") for one in times}) < len(times)
    clock = "%H:%M:%S" if same_minute else "%H:%M"
    return f"%Y-%m-%d {clock}", clock if len({one.date() for one in times}) == 1 else f"%m-%d {clock}"


def judged(site: Site, steps: Steps, model: str, runs: Mapping[int, RunView]) -> dict[int, list[Judged]]:
    """What the gate said, by run."""
    titles = [own.title for own in site.models if own.name == model]
    found: dict[int, list[Judged]] = {}
    for run in runs:
        for earlier, verdict in steps.gates.get((model, run), ()):
            links = tuple(_link(site, run, titles, finding) for finding in verdict.findings)
            found.setdefault(run, []).append(Judged(verdict=verdict, against=runs[earlier], links=links))
    return found


def _link(site: Site, run: int, titles: Sequence[str], finding: GateFinding) -> str:
    """The page with the segments of a finding, where there is one of this very run."""
    setting = (finding.task, finding.variant, finding.prompt)
    for title in titles:
        key = (title, *setting, finding.language)
        source = site.sources.get(key)
        if source is not None and source.folder is site.folders[run]:
            return segment_page(key)
    return ""


def _versions(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    keys = dict.fromkeys((*before, *after))
    return tuple((key, before.get(key, ""), after.get(key, "")) for key in keys if before.get(key) != after.get(key))
