"""Progress on a terminal: bars that move and leave; silence where nobody watches."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from harness.progress import TerminalProgress

REPOSITORY = Path(__file__).resolve().parents[2]


def test_nothing_is_shown_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress() as progress:
        progress("work", 1, 3)
        progress("work", 3, 3)
    assert capfd.readouterr() == ("", "")


def test_a_run_on_a_terminal_shows_its_task_and_ends_well(tmp_path: Path) -> None:
    command = "from harness.cli import main; main()"
    arguments = ["run", "sample_alignment", "sample_bitext", "--model", "echo:x", "--out", str(tmp_path)]
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
    assert "sample_alignment" in shown.decode("utf-8", "replace")
    assert "/32" in shown.decode("utf-8", "replace")
