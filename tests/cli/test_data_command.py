"""``glotbench data``: a mirror is filled from a hub and from plain addresses, checked, and read without network.

The hub is one on localhost (``tests.fake_hub``), asked by the real ``datasets`` and ``huggingface_hub`` in a process of
its own: ``HF_ENDPOINT`` is read when they are imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from harness.download import TRIES, download
from harness.errors import DataError
from harness.manifest import fetching_into
from tests.fake_hub import FakeHub, serving
from tests.harness.test_archives import packed

README = """---
license: cc0-1.0
configs:
- config_name: amh
  data_files: [{split: validation, path: data/amh/dev.tsv}, {split: test, path: data/amh/test.tsv}]
- config_name: mya
  data_files: [{split: validation, path: data/mya/dev.tsv}, {split: test, path: data/mya/test.tsv}]
---
"""
TEXTS = {"amh": "ውሃ ይፈላል", "mya": "ရေဆူနေသည်"}
TASK = """\
task: {task}
kind: sts
license: CC0-1.0
dataset: {{{dataset}}}
languages: {{amh_Ethi: amh, mya_Mymr: mya}}
metrics: [cosine_spearman]
"""


def repository(mark: str) -> dict[str, bytes]:
    """Files of a hub repository, tables with quotes and numbers."""
    files = {"README.md": README.encode()}
    for code, text in TEXTS.items():
        for split in ("dev", "test"):
            rows = "".join(f'"{text} ""{mark}"" {split}"\t{text} {number}\t{number}.5\n' for number in range(4))
            files[f"data/{code}/{split}.tsv"] = ("sentence1\tsentence2\tscore\n" + rows).encode()
    return files


@dataclass
class Place:
    """A folder with tasks and a mirror, and the hub that it is filled from."""

    folder: Path
    hub: FakeHub

    @property
    def root(self) -> Path:
        return self.folder / "mirror"

    def task(self, name: str, dataset: str) -> None:
        (self.folder / f"{name}.yaml").write_text(TASK.format(task=name, dataset=dataset), encoding="utf-8")

    def data(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``glotbench data ...`` with this mirror and these tasks, in this process: nothing here asks the hub."""
        typed = ["glotbench", "data", *arguments, "--data-root", str(self.root), "--tasks", str(self.folder)]
        out, err, before = io.StringIO(), io.StringIO(), sys.argv
        sys.argv = typed
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main()
        finally:
            sys.argv = before
        code = ended.value.code
        assert isinstance(code, int | None)
        return subprocess.CompletedProcess(typed, code or 0, out.getvalue(), err.getvalue())

    def fetch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``glotbench data fetch ...`` from the hub."""
        return self.run("data", "fetch", *arguments, "--data-root", str(self.root), "--tasks", str(self.folder))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "HF_ENDPOINT": self.hub.url,
            "HF_HOME": str(self.folder / "hf"),
            "HF_HUB_OFFLINE": "0",
            **environment,
        }
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def manifest(self) -> dict[str, dict[str, object]]:
        files: dict[str, dict[str, object]] = json.loads((self.root / "MANIFEST.json").read_text())["files"]
        return files

    def asked_since(self, count: int) -> list[str]:
        return self.hub.asked[count:]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serving(FakeHub()) as hub:
        yield Place(tmp_path, hub)


def test_a_hub_data_set_is_fetched_once_verified_and_read_offline(place: Place) -> None:
    old = place.hub.commit("org/nli", repository("old"))
    new = place.hub.commit("org/nli", repository("new"))
    place.hub.commit("org/script", {"script.py": b"import os", "README.md": b"-"})
    place.task("nli", f'path: org/nli, name: "{{lang}}", revision: {old}, fewshot_split: validation')
    place.task("scripted", 'path: org/script, name: "{lang}"')

    done = place.fetch("nli", "scripted", "--languages", "amh")
    names = ["org/nli/amh/test.parquet", "org/nli/amh/validation.parquet"]
    assert (done.returncode, done.stdout.split()) == (2, names), done.stderr
    assert "'org/script': the hub's copy is a loading script (script.py)" in done.stderr
    assert "Traceback" not in done.stderr
    entry = place.manifest()[names[0]]
    content = (place.root / names[0]).read_bytes()
    assert entry == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "source": "hub",
        "path": "org/nli",
        "config": "amh",
        "split": "test",
        "revision": old,
        "first": None,
        "rows": 4,
        "license": "CC0-1.0",
        "tasks": ["nli"],
    }

    before = len(place.hub.asked)
    done = place.fetch("nli")
    assert (done.returncode, done.stdout.split()) == (0, [name.replace("amh", "mya") for name in names]), done.stderr
    assert "2 files fetched, 2 were there already" in done.stderr
    assert not [asked for asked in place.asked_since(before) if "amh/test.tsv" in asked and asked.startswith("GET")]
    assert sorted(path.name for path in place.root.iterdir()) == ["MANIFEST.json", "org"]

    (place.root / names[0]).write_bytes(content[:-1] + b"?")
    (place.root / names[1]).unlink()
    done = place.data("verify", "nli")
    assert done.returncode == 2
    assert f"{names[0]}: its content has changed since it was fetched (sha256)" in done.stderr
    assert f"{names[1]}: No such file or directory; fetch it again" in done.stderr

    place.task("nli", f'path: org/nli, name: "{{lang}}", revision: {new}, fewshot_split: validation')
    done = place.fetch("nli")
    assert len(done.stdout.split()) == 4, "another commit is pinned"
    assert {entry["revision"] for entry in place.manifest().values()} == {new}
    done = place.data("verify", "nli")
    assert (done.returncode, done.stdout) == (0, "4 files are as they were fetched; the data of nli is there\n")

    before = len(place.hub.asked)
    out = place.folder / "results"
    done = place.run(
        *("run", "nli", "--model", "echo:echo", "--out", str(out)),
        *("--data-root", str(place.root), "--tasks", str(place.folder)),
        HF_ENDPOINT="http://127.0.0.1:9",
    )
    assert done.returncode == 0, done.stderr
    assert place.asked_since(before) == []


def test_what_is_on_the_hub_is_read_from_there_without_a_mirror(place: Place) -> None:
    commit = place.hub.commit("org/nli", repository("hub"))
    place.task("nli", f'path: org/nli, name: "{{lang}}", revision: {commit}')
    place.task("wrong", f'path: org/nli, name: "x{{lang}}", revision: {commit}')
    place.task("private", 'path: org/private, name: "{lang}"')
    folders = ("--tasks", str(place.folder), "--out", str(place.folder / "results"))
    assert place.run("run", "nli", "--model", "echo:echo", *folders).returncode == 0
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(place.folder / "empty")}
    done = place.run("run", "nli", "--model", "echo:other", *folders, **offline)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "'org/nli': the hub cannot be reached" in done.stderr
    assert "'glotbench data fetch' makes a mirror for --data-root" in done.stderr
    for name, message in (
        ("wrong", "'org/nli': no configuration 'xamh' (did you mean 'amh'?); it has amh, mya"),
        ("private", "'org/private': Dataset 'org/private' doesn't exist on the Hub or cannot be accessed."),
    ):
        done = place.run("run", name, "--model", "echo:echo", *folders)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert message in done.stderr


def test_large_sets_are_streamed_and_only_their_beginning_is_kept(place: Place) -> None:
    rows = "".join(json.dumps({"sentence1": f"ጽሑፍ {number}"}) + "\n" for number in range(5000))
    commit = place.hub.commit("org/large", {"test.jsonl": rows.encode()})
    dataset = f"path: org/large, revision: {commit}, streaming: true, where: {{}}, max_items: "
    place.task("large", dataset + "3")
    path = place.folder / "large.yaml"
    path.write_text(path.read_text().replace("{amh_Ethi: amh, mya_Mymr: mya}", "[amh_Ethi]"))
    assert place.fetch("large").stdout == "org/large/test.jsonl\n"
    assert (place.root / "org/large/test.jsonl").read_text().count("\n") == 3
    path.write_text(path.read_text().replace("max_items: 3", "max_items: 7"))
    assert place.fetch("large").stdout == "org/large/test.jsonl\n", "three are not enough for seven"
    assert place.manifest()["org/large/test.jsonl"]["first"] == 7


def test_releases_are_fetched_into_their_place_and_their_hash_is_checked(place: Place) -> None:
    table = {
        f"nli/{code}/test.tsv": f"sentence1\tsentence2\tscore\n{text}\t{text}\t1\n".encode()
        for code, text in TEXTS.items()
    }
    archive = packed(place.folder / "release.tar.gz", table).read_bytes()
    place.hub.files = {"/release.tar.gz": archive, **{f"/raw/{name}": content for name, content in table.items()}}
    place.hub.failures = {"/release.tar.gz": 1}
    url = place.hub.url
    files = 'files: "nli/{lang}/{split}.tsv", types: {score: float}'
    good = hashlib.sha256(archive).hexdigest()
    place.task("packed", f"{files}, archive: archives/nli.tgz, url: {url}/release.tar.gz, sha256: {good}")
    place.task("other", f"{files}, archive: other.tgz, url: {url}/release.tar.gz, sha256: {'f' * 64}")
    place.task("plain", f'{files}, url: "{url}/raw/nli/{{lang}}/{{split}}.tsv"')
    place.task("gone", f'{files}, archive: gone.tgz, url: "{url}/gone.tgz"')
    place.task("unknown", 'files: "somewhere/{lang}.tsv"')

    done = place.data("fetch", "packed")
    assert (done.returncode, done.stdout) == (0, "archives/nli.tgz\n"), "a busy server is asked again"
    done = place.data("path", "packed")
    assert f"{place.root}/archives/nli.tgz!nli/mya/test.tsv" in done.stdout

    done = place.data("fetch", "other", "plain", "gone", "unknown", "packed")
    assert (done.returncode, done.stdout.split()) == (2, ["nli/amh/test.tsv", "nli/mya/test.tsv"])
    assert f"{url}/release.tar.gz: its sha256 is {good}, but the task file says {'f' * 64}" in done.stderr
    assert f"{url}/gone.tgz: the server answers 404" in done.stderr
    assert "no file 'somewhere/mya.tsv'" in done.stderr
    assert "(the task file names no 'url' or 'path' to fetch it from)" in done.stderr
    assert sorted(place.manifest()) == ["archives/nli.tgz", "nli/amh/test.tsv", "nli/mya/test.tsv"]
    assert not list(place.root.rglob("*other*")), "what is not what it should be is not kept"

    (place.root / "nli/amh/test.tsv").unlink()
    done = place.data("verify", "plain", "unknown")
    assert done.returncode == 2
    assert "nli/amh/test.tsv: No such file or directory" in done.stderr
    assert "somewhere/amh.tsv" in done.stderr


def test_what_the_user_laid_there_is_kept_and_entered(place: Place) -> None:
    table = b"sentence1\tsentence2\tscore\nx\ty\t1\n"
    for name in ("nli/amh/test.tsv", "nli/mya/test.tsv"):
        (place.root / name).parent.mkdir(parents=True)
        (place.root / name).write_bytes(table)
    url = f"{place.hub.url}/all.tsv"
    place.hub.files = {"/all.tsv": b"other"}
    place.task("own", f'files: "nli/{{lang}}/{{split}}.tsv", url: {url}')
    done = place.data("verify", "own")
    assert done.returncode == 0
    assert done.stderr.count("not in the manifest; nothing is known of where it came from") == 2
    assert place.data("fetch", "own").returncode == 0
    assert {entry["source"] for entry in place.manifest().values()} == {"found"}
    assert (place.root / "nli/amh/test.tsv").read_bytes() == table
    (place.root / "big.tgz").write_bytes(b"mine")
    digest = "f" * 64
    place.task("pinned", f'files: "y/{{lang}}", archive: big.tgz, url: {url}, sha256: {digest}')
    done = place.data("fetch", "pinned")
    assert "lies there with sha256" in done.stderr
    assert "move it away" in done.stderr
    assert (place.root / "big.tgz").read_bytes() == b"mine"


def test_mistakes_at_the_command_line(place: Place) -> None:
    place.task("nli", 'files: "{lang}.tsv"')
    for arguments, message in (
        (("verify", "nli"), "no such folder"),
        (("path", "nli"), "no such folder"),
        (("fetch", "nlii"), "unknown task 'nlii' (did you mean 'nli'?)"),
        (("fetch", "nli", "--languages", "yor"), "no language 'yor_Latn'"),
    ):
        done = place.data(*arguments)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    place.root.mkdir()
    assert "no MANIFEST.json with files in it" in place.data("verify").stderr
    (place.root / "MANIFEST.json").write_text('{"version": 2}')
    assert "not a readable manifest" in place.data("verify").stderr
    outside = {"sha256": "0" * 64, "bytes": 1, "source": "hub"}
    (place.root / "MANIFEST.json").write_text(json.dumps({"version": 1, "files": {"../../etc/passwd": outside}}))
    assert "leads out of the data folder" in place.data("verify").stderr


def test_one_fetch_at_a_time(place: Place) -> None:
    place.task("nli", 'files: "{lang}.tsv"')
    with fetching_into(place.root):
        assert "another 'glotbench data fetch' is writing there" in place.data("fetch", "nli").stderr


def test_a_download_is_whole_or_not_at_all(tmp_path: Path) -> None:
    with serving(FakeHub(files={"/x": b"x" * 3_000_000})) as hub:
        target, waits = tmp_path / "below/x", list[float]()
        seen: list[tuple[int, int]] = []
        hub.failures = {"/x": TRIES - 1}
        download(f"{hub.url}/x", target, None, lambda done, total: seen.append((done, total)), waits.append)
        assert target.stat().st_size == 3_000_000
        assert (seen[-1], len(waits)) == ((3_000_000, 3_000_000), TRIES - 1)
        hub.failures = {"/x": TRIES}
        hub.files["/x"] = b"new"
        with pytest.raises(DataError, match="the server answers 503"):
            download(f"{hub.url}/x", target, None, lambda done, total: None, waits.append)
        assert target.stat().st_size == 3_000_000
        assert list(target.parent.iterdir()) == [target]
    with pytest.raises(DataError, match="cannot be fetched"):
        download(f"{hub.url}/x", target, None, lambda done, total: None, waits.append)
    with pytest.raises(DataError, match="only http and https"):
        download("file:///etc/passwd", target, None, lambda done, total: None)
