"""The table of shipped benchmarks in ``tasks/README.md``, made from the task files.

``python -m tests.harness.benchmark_table`` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

from harness.loader import load_task
from harness.resources import shipped_tasks
from harness.spec import TaskSpec

BEGIN = "<!-- benchmarks: written by python -m tests.harness.benchmark_table -->"
END = "<!-- /benchmarks -->"
HEAD = "| task | kind | languages | settings | prompts | |\n|---|---|---|---|---|---|"
NO_BENCHMARKS = "sample"


def table() -> str:
    """Markdown: one row a task, by folder and name."""
    paths = [path for path in shipped_tasks().rglob("*.yaml") if path.parent.name != NO_BENCHMARKS]
    rows = [_row(path, load_task(path)) for path in sorted(paths, key=_order)]
    return "\n".join([HEAD, *rows])


def readme() -> Path:
    return shipped_tasks() / "README.md"


def written() -> str:
    """The table as it stands in the README."""
    return readme().read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


def _order(path: Path) -> tuple[str, str]:
    return (path.parent.relative_to(shipped_tasks()).as_posix(), path.stem)


def _row(path: Path, spec: TaskSpec) -> str:
    name = path.relative_to(shipped_tasks()).as_posix()
    cells = [
        f"[{spec.task}]({name})",
        spec.kind,
        str(len(spec.languages)),
        ", ".join(spec.variants),
        str(len(spec.prompts)) if len(spec.prompts) > 1 else "",
        f"[source]({spec.source})",
    ]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def main() -> None:
    text = readme().read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    readme().write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
