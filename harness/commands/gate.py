"""``glotbench gate``: judge a run against its baseline; print a policy to begin with; change the baseline."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.output import PATH, emit, tell, without_secrets

if TYPE_CHECKING:
    from harness.gate_reports import Link
    from harness.policy import GatePolicy
    from harness.verdicts import Finding

_DEFAULT = "default"


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
@click.option(
    "--policy",
    "policy_file",
    type=PATH,
    default=_DEFAULT,
    show_default=True,
    help="Policy file, or the word 'default' ('gate policy' prints that one).",
)
@click.option(
    "--rerun",
    "rerun_folders",
    type=PATH,
    multiple=True,
    help="Further run of the candidate with another --sampling-seed; may be repeated.",
)
@click.option("--junit", type=PATH, help="Also write JUnit XML to this file.")
@click.option("--summary", type=PATH, help="Also append a Markdown summary to this file.")
@click.option("--json", "json_file", type=PATH, help="Also write the report as JSON to this file.")
@click.option("--site", default="", help="Address of a leaderboard built of the run, for links in the summary.")
@click.option("--strict", is_flag=True, help="Inconclusive rules fail, with exit code 3.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def gate_check(
    run_folder: Path,
    baseline: Path | None,
    policy_file: Path,
    rerun_folders: tuple[Path, ...],
    junit: Path | None,
    summary: Path | None,
    json_file: Path | None,
    site: str,
    strict: bool,
    seed: int,
) -> int:
    """Judge a run against a baseline.

    Exit code 1: regression, 3: inconclusive (--strict) or unconfirmed, 4: not comparable.
    """
    import datetime

    from harness import gate_reports
    from harness.baseline import open_baseline
    from harness.errors import NotComparableError
    from harness.gate import judge
    from harness.store import RunFolder, write_text_atomic
    from harness.verdicts import exit_code

    policy = _policy(policy_file)
    place = baseline or (Path(policy.baseline.path) if policy.baseline.path else None)
    if place is None:
        raise NotComparableError(f"{policy_file}: no baseline: give --baseline RUN, or baseline.path in the policy")
    report = judge(
        RunFolder(run_folder),
        open_baseline(place),
        policy,
        reruns=[RunFolder(folder) for folder in rerun_folders],
        seed=seed,
        today=datetime.datetime.now(datetime.UTC).date(),
    )
    for line in gate_reports.gate_lines(report, strict=strict):
        tell(line)
    if junit:
        write_text_atomic(junit, gate_reports.gate_junit(report, strict=strict))
    if json_file:
        write_text_atomic(json_file, gate_reports.gate_json(report, strict=strict))
    if summary:
        command = without_secrets(shlex.join(["glotbench", *sys.argv[1:]]))
        summary.parent.mkdir(parents=True, exist_ok=True)
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(gate_reports.gate_markdown(report, command=command, link=_linked(site), strict=strict))
    return exit_code(report, strict=strict)


@gate.command("policy")
def gate_policy() -> None:
    """Print the policy that holds where none is named, with comments: `gate policy > policy.yaml`."""
    from harness.resources import default_policy

    emit(default_policy().read_text(encoding="utf-8"))


@gate.command("bless")
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option("--baseline", type=PATH, required=True, help="Folder of the baseline.")
@click.option("--reason", required=True, help="Why the baseline changes; kept beside it.")
def gate_bless(run_folder: Path, baseline: Path, reason: str) -> None:
    """Make RUN the baseline. There is no other way to change one."""
    import datetime

    from harness.baseline import bless
    from harness.store import RunFolder

    today = datetime.datetime.now(datetime.UTC).date()
    emit(bless(RunFolder(run_folder), baseline, reason=reason, today=today), nl=True)


def _linked(site: str) -> Link | None:
    """What leads from a finding to the page of its segments in a leaderboard."""
    if not site:
        return None
    from leaderboard.markup.pages import segment_page

    def address(finding: Finding) -> str:
        page = segment_page((finding.model, finding.task, finding.variant, finding.prompt, finding.language))
        return f"{site.rstrip('/')}/{page}"

    return address


def _policy(file: Path) -> GatePolicy:
    from harness.loader import load_policy
    from harness.resources import default_policy

    return load_policy(default_policy() if str(file) == _DEFAULT else file)
