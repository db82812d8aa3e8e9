"""The files of docs/leaderboard.md that publish a leaderboard: they parse, and their command lines build it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.leaderboard_runs import write_run

REPOSITORY = Path(__file__).resolve().parents[2]
ADDRESS = "https://example.org/ሰሌዳ"


def snippets() -> list[dict[str, Any]]:
    """GitHub's workflow and GitLab's file."""
    text = (REPOSITORY / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    return [yaml.safe_load(found) for found in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def github() -> list[dict[str, Any]]:
    """The steps of the workflow's only job."""
    (job,) = snippets()[0]["jobs"].values()
    return job["steps"]


def commands(lines: list[str]) -> list[str]:
    """The lines after the installation."""
    assert lines[0] == "pip install glotbench"
    return lines[1:]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a run below ``results``."""
    folder = tmp_path_factory.mktemp("repository")
    write_run(folder / "results" / "run")
    return folder


def shell(lines: list[str], folder: Path, **environment: str) -> None:
    """Run a job's lines with ``glotbench`` meaning this checkout; fails where one of them does."""
    function = f'set -e; glotbench() {{ "{sys.executable}" -c "from harness.cli import main; main()" "$@"; }}\n'
    own = {"PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", **environment}
    script = function + "\n".join(lines)
    subprocess.run(["bash", "-c", script], cwd=folder, env={**os.environ, **own}, check=True, timeout=120)


def test_the_workflow_builds_what_it_uploads(repository: Path) -> None:
    workflow, steps = snippets()[0], github()
    assert workflow["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    assert workflow[True]["push"]["paths"] == ["results/**"]  # YAML 1.1 reads "on" as true
    uses = [step["uses"].partition("@")[0] for step in steps if "uses" in step]
    assert uses == [f"actions/{name}" for name in ("checkout", "setup-python", "configure-pages")] + [
        "actions/upload-pages-artifact",
        "actions/deploy-pages",
    ]
    named = {step["id"]: step for step in steps if "id" in step}
    (job,) = workflow["jobs"].values()
    for text in (job["environment"]["url"], *(value for step in steps for value in step.get("env", {}).values())):
        assert re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.\w+ \}\}", text)[1] in named
    (build,) = (step for step in steps if "env" in step)
    assert steps.index(build) < next(place for place, step in enumerate(steps) if "upload" in step.get("uses", ""))
    shell(commands([step["run"] for step in steps if "run" in step]), repository, BASE_URL=ADDRESS)
    (path,) = (step["with"]["path"] for step in steps if "path" in step.get("with", {}))
    published(repository / path)


def test_the_job_keeps_what_it_builds(repository: Path) -> None:
    job = snippets()[1]["pages"]
    assert job["artifacts"]["paths"] == ["public"]
    shell(commands(job["script"]), repository, CI_PAGES_URL=ADDRESS)
    published(repository / "public")


def published(site: Path) -> None:
    """It is there, and its feed has absolute links."""
    assert (site / "index.html").is_file()
    assert f"{ADDRESS}/changes.html" in (site / "feed.xml").read_text(encoding="utf-8")
    shutil.rmtree(site)


def test_a_command_that_does_not_exist_fails(repository: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        shell(["glotbench leaderboard bild results", "true"], repository)
