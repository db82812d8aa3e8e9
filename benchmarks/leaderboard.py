"""How does the leaderboard grow? Build, rebuild after a new run, first row and sorting in a browser; writes JSON.

Run: python -m benchmarks.leaderboard [--models 100] [--languages 200] [--tasks 20] [--cores 2] [--out FILE].
Targets: a build in 20 s on 2 cores within 2 GB; no page over 3 MB; the overview's first row in 2 s, a sort in 0.7 s; a
new run touches only what it changes. One run a model, with intervals and without segments; the second shape has
segments with their texts, of fewer models. A build is a process of its own, its start included, and is done several
times; its memory is that of all its processes together (proportional set size, sampled in a build of its own: what they
share counts once), beside it the largest resident set of one of them. Nothing else of importance should run meanwhile:
the load is written down.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.leaderboard_runs import codes, write_run

TARGETS = {"build_s": 20, "memory_mb": 2000, "largest_page_mb": 3, "first_row_s": 2, "sort_s": 0.7}
EVERY = 0.1
"""Seconds between two looks at the memory."""


LOADED = ("index", "task", "language", "model", "languages")
"""Kinds of pages that are opened in a browser."""


def main() -> None:
    """Measure both shapes and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--languages", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--segments", type=int, default=100, help="Segments of a unit in the second shape.")
    parser.add_argument("--segment-models", type=int, default=5, help="Models of the second shape; 0 leaves it out.")
    parser.add_argument("--cores", type=int, default=2, help="Processors that may be used.")
    parser.add_argument("--builds", type=int, default=3, help="Times the site is built from nothing.")
    parser.add_argument("--loads", type=int, default=5, help="Times a page is loaded, each in a new browser.")
    parser.add_argument("--folder", type=Path, help="Where runs and sites go and stay; by default nowhere.")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    result: dict[str, object] = {
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(value, 1) for value in os.getloadavg()],
        "targets": TARGETS,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        repeats = {"times": arguments.builds, "loads": arguments.loads}
        size = (arguments.models, arguments.languages, arguments.tasks)
        result["intervals"] = shape(folder / "intervals", *size, segments=0, **repeats)
        if arguments.segment_models:
            small = (arguments.segment_models, min(20, arguments.languages), min(3, arguments.tasks))
            result["segments"] = shape(folder / "segments", *small, segments=arguments.segments, **repeats)
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def shape(
    folder: Path, models: int, languages: int, tasks: int, *, segments: int, times: int, loads: int
) -> dict[str, object]:
    """One board of boards: the first build, one with nothing to do, one after a new run, then the pages."""
    named, every = codes(languages), tuple(range(tasks))
    runs, site = folder / "runs", folder / "site"
    for model in range(models):
        write_run(runs / f"run-{model:03d}", model, named, every, segments=segments)
    builds = [first_build(runs, site) for _ in range(times)]
    memory = first_build(runs, folder / "watched", watched=True)
    shutil.rmtree(folder / "watched")
    before = files(site)
    again = build(runs, site)
    write_run(runs / "run-new", models, named[:10], (0,), created="2026-02-01T00:00:00Z", segments=segments)
    after_new = build(runs, site)
    after = files(site)
    changed = [name for name, content in after.items() if before.get(name) != content]
    return {
        "models": models,
        "languages": languages,
        "tasks": tasks,
        "segments": segments,
        "scores": models * languages * tasks,
        "build": {"seconds": statistics.median(one["seconds"] for one in builds), "builds": builds, **memory},
        "site": sizes(site),
        "nothing_new": again,
        "new_run": {
            "scores": 10 * min(1, tasks),
            **after_new,
            "files_of_site": len(after),
            "files_changed": len(changed),
            "changed_by_kind": dict(sorted(Counter(map(kind, changed)).items())),
        },
        "pages": pages(site, loads),
    }


def first_build(runs: Path, site: Path, *, watched: bool = False) -> dict[str, float]:
    shutil.rmtree(site, ignore_errors=True)
    return build(runs, site, watched=watched)


def build(runs: Path, site: Path, *, watched: bool = False) -> dict[str, float]:
    """One ``glotbench leaderboard build`` as a process: its seconds.

    Args:
        watched: Whether to look for the most memory of it and its workers together. To count the pages that they share
            takes a good part of a processor, so that the seconds of a build that is watched say nothing.
    """
    command = [sys.executable, "-m", "harness", "leaderboard", "build", str(runs), "--out", str(site)]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    most, ended = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, most, ended))
    if watched:
        watch.start()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    if watched:
        watch.join()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: ended with {process.returncode}")
    if watched:
        return {"peak_pss_mb": round(most[0] / 1024), "largest_process_rss_mb": round(used.ru_maxrss / 1024)}
    return {"seconds": round(seconds, 2), "processor_seconds": round(used.ru_utime + used.ru_stime, 2)}


def _watch(root: int, most: list[int], ended: threading.Event) -> None:
    while not ended.wait(EVERY):
        most[0] = max(most[0], sum(map(_proportional, _tree(root))))


def _tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def _proportional(process: int) -> int:
    """Proportional set size in kB; 0 of a process that has gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def files(site: Path) -> dict[str, tuple[str, int]]:
    """Hash of the content and time of writing of every file: written again with the same bytes counts as changed."""
    return {
        path.relative_to(site).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in site.rglob("*")
        if path.is_file()
    }


def kind(name: str) -> str:
    """What a file is, by where it is and how its name begins: ``task-*.html``, ``g/*.js``."""
    path = Path(name)
    stem = f"{path.parent}/*" if path.parent != Path() else path.stem.split("-")[0] + "-*" * ("-" in path.stem)
    return f"{stem}{path.suffix}"


def sizes(site: Path) -> dict[str, object]:
    """Files, bytes, and the largest page and file."""
    found = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    page = max((path for path in found if path.suffix == ".html"), key=found.__getitem__)
    largest = max(found, key=found.__getitem__)
    return {
        "files": len(found),
        "mb": round(sum(found.values()) / 1e6, 1),
        "largest_page": page.name,
        "largest_page_mb": round(found[page] / 1e6, 2),
        "largest_file": largest.name,
        "largest_file_mb": round(found[largest] / 1e6, 2),
        "by_kind": dict(sorted(Counter(kind(path.relative_to(site).as_posix()) for path in found).items())),
    }


def pages(site: Path, loads: int) -> list[dict[str, object]] | str:
    """Waits on the overview and on the largest page of some other kinds; why not, where there is no browser."""
    try:
        from benchmarks.leaderboard_pages import waits
        from tests.browser.driving import kinds
    except pytest.skip.Exception as error:
        return str(error)
    largest: dict[str, Path] = {}
    for name, page in kinds(site).items():
        first = name.split("-")[0]
        if first not in largest or page.stat().st_size > largest[first].stat().st_size:
            largest[first] = page
    return [waits(largest[name], loads) for name in LOADED if name in largest]


if __name__ == "__main__":
    main()
