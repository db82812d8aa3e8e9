"""The ready files for continuous integration: they parse, their command lines exist, and they do what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
import yaml

from harness.cli import cli

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
_CALL = re.compile(r"\bglotbench ((?:\\\n|[^\n|)&>])*)")


def github() -> dict[str, Any]:
    return yaml.safe_load((DOCS / "ci" / "github.yml").read_text(encoding="utf-8"))


def gitlab() -> dict[str, Any]:
    return yaml.safe_load((DOCS / "ci" / "gitlab.yml").read_text(encoding="utf-8"))["quality"]


def github_script() -> str:
    """The shell lines of the workflow after the installation; the environment file is read as the runner does."""
    steps = {step["name"]: step["run"] for step in github()["jobs"]["gate"]["steps"] if "run" in step}
    assert list(steps) == ["Install", "Run", "Gate"]
    return "\n".join(['set -e; export GITHUB_ENV="$PWD/env"', steps["Run"], 'source "$GITHUB_ENV"', steps["Gate"]])


def gitlab_script() -> str:
    return "\n".join(["set -e", *gitlab()["script"]])


def calls(text: str) -> list[list[str]]:
    """Arguments of every ``glotbench`` in a text, what the shell would fill in as a word."""
    filled = re.sub(r"\$\{\{.*?\}\}|\$[A-Z_]+", "WORD", text)
    return [shlex.split(match[1].replace("\\\n", " "), comments=True) for match in _CALL.finditer(filled)]


def parses(arguments: list[str]) -> None:
    """Parse a command line down to its last command, running nothing.

    Raises:
        click.UsageError: There is no such command or option, or something is missing.
    """
    command: click.Command = cli
    context = command.make_context("glotbench", list(arguments))
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


@pytest.mark.parametrize("name", ["ci/github.yml", "ci/gitlab.yml", "ci.md", "gate.md", "reliability.md"])
def test_command_lines_are_those_of_the_program(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    if name.endswith(".md"):
        text = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    for arguments in calls(text):
        parses(arguments)
    if name != "reliability.md":
        assert len(calls(text)) >= 2
    with pytest.raises(click.UsageError):
        parses(["gate", "RUN", "--polcy", "x"])


def test_the_workflow_keeps_what_the_gate_writes() -> None:
    job = github()["jobs"]["gate"]
    assert job["steps"][-1]["if"] == "always()"
    assert job["steps"][-1]["with"]["path"].split() == ["gate.json", "gate.xml"]
    assert gitlab()["artifacts"]["reports"]["junit"] == "gate.xml"
    assert gitlab()["artifacts"]["when"] == "always"
    assert github()["env"].keys() >= {"TASKS", "MODEL", "BASELINE", "POLICY"}
    assert gitlab()["variables"].keys() >= github()["env"].keys()


TASK = """\
task: mini
kind: translation
dataset: {files: "{lang}.tsv", key: id}
directions: [eng-amh, eng-nqo]
languages: [eng_Latn, amh_Ethi, nqo_Nkoo]
metrics: [chrf]
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a task of its own and a blessed baseline."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "mini.yaml").write_text(TASK, encoding="utf-8")
    for language, word in (("eng_Latn", "water"), ("amh_Ethi", "ውሃ water"), ("nqo_Nkoo", "ߖߌ water")):
        rows = "".join(f"{number}\t{word} number {number}\n" for number in range(40))
        (folder / f"{language}.tsv").write_text(f"id\ttext\n{rows}", encoding="utf-8")
    first = (
        'glotbench gate bless "$(glotbench run $TASKS --model "$MODEL" --out first)" --baseline $BASELINE --reason x'
    )
    done = shell(first, folder, "echo:x,name=system")
    assert done.returncode == 0, done.stderr
    return folder


def shell(script: str, folder: Path, model: str) -> subprocess.CompletedProcess[str]:
    """Run a job's shell lines with ``glotbench`` meaning this checkout."""
    function = f'glotbench() {{ "{sys.executable}" -c "from harness.cli import main; main()" "$@"; }}\n'
    own = {
        "PYTHONPATH": str(REPOSITORY),
        "HF_HUB_OFFLINE": "1",
        "GLOTBENCH_CACHE_LIMIT": "0",
        "TASKS": "mini --tasks .",
        "MODEL": model,
        "BASELINE": "baselines/main",
        "POLICY": "default",
        "GITHUB_STEP_SUMMARY": "gate.md",
    }
    return subprocess.run(
        ["bash", "-c", function + script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, **own},
        check=False,
    )


def test_the_workflow_passes_what_is_as_before(workplace: Path) -> None:
    done = shell(github_script(), workplace, "echo:x,name=system")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# Quality gate: passed" in (workplace / "gate.md").read_text(encoding="utf-8")


def test_the_job_fails_where_a_language_is_spoilt(workplace: Path) -> None:
    done = shell(gitlab_script(), workplace, "echo:x,name=system,degrade=amh")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search("REGRESSED .*eng_Latn-amh_Ethi", done.stdout)
    assert "### Worst segments" in (workplace / "gate.md").read_text(encoding="utf-8")
    assert ElementTree.parse(workplace / "gate.xml").getroot().attrib["failures"] != "0"
