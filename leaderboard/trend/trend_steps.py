"""Which runs are compared for the pages about trends, the jobs that do it, and what came of it by model and run.

One job a run: the intervals of its means, and each earlier run it is compared with. A later build does only what a new
run adds, and reads what was found of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import TypeAdapter

from harness.series import Series
from harness.steps import PairPlan, RunReport, mean_interval, pair_report
from harness.store import content_hash
from harness.systems import Family
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.building.summaries import Summary
from leaderboard.data.site_data import Site, code_digest
from leaderboard.data.step_results import Steps

STEPS_TESTED = 30
"""Latest runs of a model that are compared on segments and judged; older steps are compared by intervals alone."""

RUNS_TESTED = 100
"""Latest runs of all models together that are."""

_REPORT = TypeAdapter(RunReport)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What is to be found out about one run."""

    run: int
    means: tuple[tuple[str, Family, tuple[str, ...]], ...]
    pairs: tuple[tuple[int, PairPlan], ...]


def plans(series: Sequence[Series]) -> list[RunPlan]:
    """Every point against the one before it; the last one of a track also against the first it can be joined with."""
    means: dict[int, list[tuple[str, Family, tuple[str, ...]]]] = {}
    pairs: dict[tuple[int, int], list[tuple[str, Family]]] = {}
    judged: set[tuple[int, int]] = set()
    for own in series:
        latest = set(own.runs[-STEPS_TESTED:])
        for track in own.tracks:
            for era in track.eras:
                for point in era.points:
                    if point.run in latest and point.mean(era.common) is not None:
                        means.setdefault(point.run, []).append((own.model, track.family, era.common))
            steps = [(later.run, earlier.run) for earlier, later in pairwise(track.points) if later.run in latest]
            judged.update(steps)
            whole = track.eras[-1].points
            for pair in dict.fromkeys([*steps, *([(whole[-1].run, whole[0].run)] if len(whole) > 1 else [])]):
                pairs.setdefault(pair, []).append((own.model, track.family))
    runs = list(dict.fromkeys([*means, *(later for later, _ in pairs)]))
    return [
        RunPlan(
            run=run,
            means=tuple(means.get(run, ())),
            pairs=tuple(
                (earlier, PairPlan(tracks=tuple(tracks), judged=(later, earlier) in judged))
                for (later, earlier), tracks in pairs.items()
                if later == run
            ),
        )
        for run in runs
    ]


def tested(site: Site) -> list[RunPlan]:
    """The plans that are carried out: those of the latest runs."""
    order = {run: place for place, run in enumerate(dict.fromkeys(run for own in site.series for run in own.runs))}
    found = sorted(plans(site.series), key=lambda plan: (site.folders[plan.run].record.created, order[plan.run]))
    return found[-RUNS_TESTED:]


def jobs(site: Site) -> list[Job]:
    """One a run that something is to be found out about."""
    return [_job(site, plan) for plan in tested(site)]


def steps(site: Site, summaries: Mapping[str, Summary]) -> Steps:
    """What the jobs found."""
    found = Steps()
    for plan in tested(site):
        report = _REPORT.validate_json(summaries[_name(site, plan)].text())
        for mean in report.means:
            found.means[mean.model, mean.family, plan.run] = mean
        for (earlier, _), pair in zip(plan.pairs, report.pairs, strict=True):
            for changes in pair.tracks:
                found.changes[changes.model, changes.family, plan.run, earlier] = changes
            for verdict in pair.gate:
                found.gates.setdefault((verdict.model, plan.run), []).append((earlier, verdict))
    return found


def _name(site: Site, plan: RunPlan) -> str:
    return f"steps {site.folders[plan.run].digest}"


def _job(site: Site, plan: RunPlan) -> Job:
    folder = site.folders[plan.run]

    def make(_: Writer) -> str:
        scores = {(score.model, *score.key): score for score in folder.record.scores}
        means = []
        for model, family, languages in plan.means:
            task, variant, prompt, metric = family
            own = [scores[model, task, variant, prompt, language, metric] for language in languages]
            means.append(mean_interval(folder, model, family, own))
        report = RunReport(
            means=tuple(means),
            pairs=tuple(
                pair_report(folder, site.folders[earlier], pair, site.policy.policy) for earlier, pair in plan.pairs
            ),
        )
        return _REPORT.dump_json(report).decode("utf-8")

    parts = [site.folders[earlier].digest for earlier, _ in plan.pairs]
    wanted = [repr(plan.means), *(repr(pair) for _, pair in plan.pairs)]
    digest = content_hash([code_digest(), site.policy.sha256, folder.digest, parts, wanted])
    return Job(name=_name(site, plan), digest=digest, make=make)
