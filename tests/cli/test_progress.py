"""Progress on a terminal: bars that move and leave; silence where nobody watches."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from harness.progress import TerminalProgress
from tests.leaderboard_runs import write_run

REPOSITORY = Path(__file__).resolve().parents[2]


def test_nothing_is_shown_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress() as progress:
        progress("work", 1, 3)
        progress("work", 3, 3)
    assert capfd.readouterr() == ("", "")


def on_a_terminal(*arguments: str) -> str:
    """What a command shows on a terminal's standard error."""
    command = "from harness.cli import main; main()"
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(controller, 4096)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
    os.close(controller)
    assert process.returncode == 0, shown.decode("utf-8", "replace")
    return shown.decode("utf-8", "replace")


def test_a_run_on_a_terminal_shows_its_task_and_ends_well(tmp_path: Path) -> None:
    shown = on_a_terminal("run", "sample_alignment", "sample_bitext", "--model", "echo:x", "--out", str(tmp_path))
    assert "sample_alignment" in shown
    assert "/32" in shown


def test_a_leaderboard_shows_how_far_it_is_though_its_processes_are_forked(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    shown = on_a_terminal("leaderboard", "build", str(run), "--out", str(tmp_path / "site"))
    assert "ranking models" in shown
    assert "/4" in shown, "two tasks, and a comparison of each"
    assert (tmp_path / "site" / "index.html").is_file()
