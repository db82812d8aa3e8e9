"""``glotbench gate``: judge a run against its baseline; change the baseline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.commands.output import PATH, emit, tell


class _RunOrCommand(click.Group):
    """A group whose first argument may be a run: ``gate RUN ...`` is ``gate check RUN ...``."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["check", *args]
        return super().parse_args(context, args)


@click.group(cls=_RunOrCommand)
def gate() -> None:
    """Fail when a run is worse than its baseline: `gate RUN --baseline RUN --policy FILE`."""


@gate.command("check", hidden=True)
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option("--baseline", type=PATH, help="Baseline run; by default the policy's.")
@click.option("--policy", "policy_file", type=PATH, required=True, help="Policy file.")
@click.option("--junit", type=PATH, help="Also write JUnit XML to this file.")
@click.option("--summary", type=PATH, help="Also append a Markdown summary to this file.")
@click.option("--json", "json_file", type=PATH, help="Also write the report as JSON to this file.")
@click.option("--strict", is_flag=True, help="Inconclusive rules fail, with exit code 3.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def gate_check(
    run_folder: Path,
    baseline: Path | None,
    policy_file: Path,
    junit: Path | None,
    summary: Path | None,
    json_file: Path | None,
    strict: bool,
    seed: int,
) -> int:
    """Judge a run against a baseline. Exit code 1: regression, 3: inconclusive (strict), 4: not comparable."""
    import datetime

    from harness import reports
    from harness.baseline import open_baseline
    from harness.errors import NotComparableError
    from harness.gate import exit_code, judge
    from harness.loader import load_policy
    from harness.store import RunFolder, write_text_atomic

    policy = load_policy(policy_file)
    place = baseline or (Path(policy.baseline.path) if policy.baseline.path else None)
    if place is None:
        raise NotComparableError(f"{policy_file}: no baseline: give --baseline RUN, or baseline.path in the policy")
    today = datetime.datetime.now(datetime.UTC).date()
    report = judge(RunFolder(run_folder), open_baseline(place), policy, seed=seed, today=today)
    for line in reports.gate_lines(report, strict=strict):
        tell(line)
    if junit:
        write_text_atomic(junit, reports.gate_junit(report, strict=strict))
    if json_file:
        write_text_atomic(json_file, reports.gate_json(report, strict=strict))
    if summary:
        command = " ".join(["glotbench", *sys.argv[1:]])
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(reports.gate_markdown(report, command=command, strict=strict))
    return exit_code(report, strict=strict)


@gate.command("bless")
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option("--baseline", type=PATH, required=True, help="Folder of the baseline.")
@click.option("--reason", required=True, help="Why the baseline changes; kept beside it.")
def gate_bless(run_folder: Path, baseline: Path, reason: str) -> None:
    """Make RUN the baseline. There is no other way to change one."""
    import datetime

    from harness.baseline import bless
    from harness.store import RunFolder

    emit(
        bless(RunFolder(run_folder), baseline, reason=reason, today=datetime.datetime.now(datetime.UTC).date()), nl=True
    )
