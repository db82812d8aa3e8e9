"""The folder of a site: what is done again, what is removed, and what an interruption or damage leaves behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from leaderboard.building import jobs, manifest, summaries
from leaderboard.building.folder import SiteFolder, Writer
from leaderboard.building.jobs import Job
from leaderboard.building.manifest import MANIFEST, Done

Files = dict[str, str]
T = TypeVar("T")

FIRST = {
    "አማርኛ": {"a.html": "ሀ", "g/a.js": "1"},
    "ไทย": {"b.html": "ข", "b.csv": "x,y"},
    "ߒߞߏ": {"c.html": "ߒ", "old.html": "👩🏽‍🔬"},
}
SECOND = {
    "አማርኛ": {"a.html": "ለ", "g/a.js": "1"},
    "ไทย": {"b.html": "ข", "b.csv": "x,y", "b.json": "[]"},
    "日本語": {"old.html": "another job's by the same name", "new.html": "あ"},
}
"""Against ``FIRST``: one job with another content, one with a file more, one that is gone and one that is new."""


def digest(files: Files) -> str:
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def job(name: str, files: Files, made: list[str] | None = None) -> Job:
    def make(writer: Writer) -> str:
        if made is not None:
            made.append(name)
        for file, text in files.items():
            writer.write(file, text)
        writer.keep(f"part of {name}", "part")
        return f"summary of {name}: {sorted(files.items())}"

    return Job(name=name, digest=digest(files), make=make)


def build(site: Path, wanted: dict[str, Files], *, workers: int = 1) -> tuple[list[str], dict[str, str]]:
    """Returns the jobs that were done, and all summaries."""
    made: list[str] = []
    folder = SiteFolder(site)
    found = jobs.run(folder, [job(name, files, made) for name, files in wanted.items()], "pages", workers=workers)
    texts = {name: summary.text() for name, summary in found.items()}
    assert all(summary.text("part") == f"part of {name}" for name, summary in found.items())
    assert all(summary.text("no such part") == "" for summary in found.values())
    folder.finish()
    return made, texts


def contents(site: Path) -> dict[str, bytes]:
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[dict[str, Files]], dict[str, bytes]]:
    """What a build into an empty folder leaves."""

    def made(wanted: dict[str, Files]) -> dict[str, bytes]:
        site = tmp_path / f"fresh-{len(list(tmp_path.iterdir()))}"
        build(site, wanted)
        return contents(site)

    return made


Fresh = Callable[[dict[str, Files]], dict[str, bytes]]


def test_only_what_changed_is_done_again_and_what_is_gone_is_removed(tmp_path: Path, fresh: Fresh) -> None:
    site = tmp_path / "site"
    assert build(site, FIRST)[0] == list(FIRST)
    (site / "mine.txt").write_text("kept", encoding="utf-8")
    (site / summaries.FOLDER / "mine.txt").write_text("kept", encoding="utf-8")
    made, texts = build(site, SECOND)
    assert made == list(SECOND)
    assert texts == {name: f"summary of {name}: {sorted(files.items())}" for name, files in SECOND.items()}
    expected = fresh(SECOND) | {"mine.txt": b"kept", f"{summaries.FOLDER}/mine.txt": b"kept"}
    assert contents(site) == expected
    assert build(site, SECOND | {"ไทย": FIRST["ไทย"]})[0] == ["ไทย"]


def test_nothing_new_touches_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site, FIRST)
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    made, texts = build(site, FIRST)
    assert made == []
    assert texts["ไทย"].startswith("summary of ไทย")
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before


def test_summaries_are_small_and_none_stands_in_the_manifest(tmp_path: Path) -> None:
    long = {"a.html": "only in ሞዴል " * 50_000}
    build(tmp_path, {"a": long})
    assert (tmp_path / MANIFEST).stat().st_size < 1000
    kept = [path.stat().st_size for path in (tmp_path / summaries.FOLDER).iterdir()]
    assert len(kept) == 2
    assert sum(kept) < 10_000


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_damaged_summary_is_made_again(tmp_path: Path, is_gone: bool) -> None:
    build(tmp_path, FIRST)
    for path in (tmp_path / summaries.FOLDER).iterdir():
        if is_gone:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1])
    made, texts = build(tmp_path, FIRST)
    assert made == list(FIRST)
    assert texts["ߒߞߏ"].startswith("summary of ߒߞߏ")


def old_manifest(wanted: dict[str, Files]) -> bytes:
    """As it was when it was one document with the summaries inside."""
    rows = [{"name": name, "digest": digest(own), "files": list(own)} for name, own in wanted.items()]
    return json.dumps({"version": 1, "jobs": [row | {"summary": "{}"} for row in rows]}, indent=0).encode()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\n",
        b"\x00\xff\xfe",
        b"[" * 100_000,
        b'{"version":2}',
        b'{"version":3}\n"old.html"\n',
        b'{"version":2}\n{"name":1,"digest":[],"files":"x"}\n',
        b'{"version":2}\n"\\u0000"\n',
        b'{"version":2}\n"' + b"x" * 5000 + b'"\n',
    ],
)
def test_a_damaged_manifest_leads_to_a_whole_build(tmp_path: Path, fresh: Fresh, damaged: bytes) -> None:
    site = tmp_path / "site"
    build(site, FIRST)
    (site / MANIFEST).write_bytes(damaged)
    assert build(site, FIRST)[0] == list(FIRST)
    assert contents(site) == fresh(FIRST)


def test_files_named_in_an_old_or_torn_manifest_are_still_removed(tmp_path: Path, fresh: Fresh) -> None:
    expected = fresh(SECOND)
    site = tmp_path / "site"
    build(site, FIRST)
    whole = (site / MANIFEST).read_bytes()
    for content in (old_manifest(FIRST), whole + b'{"name":"torn', whole.replace(b'"digest"', b'"digits"', 1)):
        build(site, FIRST)
        (site / MANIFEST).write_bytes(content)
        assert build(site, SECOND)[0] == list(SECOND)
        assert {name: own for name, own in contents(site).items() if name != "c.html"} == expected
        assert (site / "c.html").exists() == (b"digits" in content)  # its only line was the damaged one
        (site / "c.html").unlink(missing_ok=True)


def test_nothing_outside_of_the_site_is_removed(tmp_path: Path) -> None:
    outside, site = tmp_path / "outside.html", tmp_path / "site"
    outside.write_text("stays", encoding="utf-8")
    build(site, FIRST)
    (site / "linked.html").symlink_to(outside)
    (site / "folder.html").mkdir()
    for name in ("../outside.html", str(outside), "linked.html", "folder.html", "", "."):
        with (site / MANIFEST).open("a", encoding="utf-8") as file:
            file.write(json.dumps(name) + "\n")
        build(site, SECOND)
        build(site, FIRST)
    assert outside.read_text(encoding="utf-8") == "stays"
    assert (site / "folder.html").is_dir()


class Killed(BaseException):
    """Stands for a process that ends here and now."""


class Fuse:
    """Ends the process at the ``number``-th change of the disk, which is then done half or not at all."""

    def __init__(self, number: int) -> None:
        self.left = number

    def burn(self) -> bool:
        self.left -= 1
        return self.left == 0


def fused(patch: pytest.MonkeyPatch, fuse: Fuse) -> None:
    write_bytes, unlink, replace, add = Path.write_bytes, Path.unlink, Path.replace, manifest.add

    def write_half(path: Path, content: bytes) -> int:
        if fuse.burn():
            write_bytes(path, content[: len(content) // 2])
            raise Killed
        return write_bytes(path, content)

    def instead(change: Callable[..., T]) -> Callable[..., T]:
        def changed(*arguments: object, **options: object) -> T:
            if fuse.burn():
                raise Killed
            return change(*arguments, **options)

        return changed

    patch.setattr(Path, "write_bytes", write_half)
    patch.setattr(Path, "unlink", instead(unlink))
    patch.setattr(Path, "replace", instead(replace))
    patch.setattr(manifest, "add", instead(add))


@pytest.mark.parametrize("after", [FIRST, SECOND, {}], ids=["the former", "the same", "nothing"])
def test_a_build_that_is_killed_at_any_moment_leaves_no_lie(
    tmp_path: Path, fresh: Fresh, after: dict[str, Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fresh(after)
    moments = 0
    while True:
        moments += 1
        site = tmp_path / f"site-{moments}"
        build(site, FIRST)
        fuse = Fuse(moments)
        with monkeypatch.context() as patch:
            fused(patch, fuse)
            with suppress(Killed):
                build(site, SECOND)
        if fuse.left > 0:
            break
        build(site, after)
        assert contents(site) == expected, moments
    assert moments > 20


def test_what_was_done_before_a_failure_is_not_done_again(tmp_path: Path) -> None:
    def fail(_: Writer) -> str:
        raise OSError("no space left on device")

    folder = SiteFolder(tmp_path)
    wanted: Sequence[Job] = [*(job(name, own) for name, own in FIRST.items()), Job(name="x", digest="x", make=fail)]
    with pytest.raises(OSError, match="no space"):
        jobs.run(folder, wanted, "pages", workers=1)
    assert build(tmp_path, FIRST)[0] == []


def test_many_processes_write_lines_that_do_not_mix(tmp_path: Path) -> None:
    wanted = {f"job {number}": {f"{number}-{part}.html": "x" * part for part in range(20)} for number in range(200)}
    folder = SiteFolder(tmp_path)
    jobs.run(folder, [job(name, own) for name, own in wanted.items()], "pages", workers=4)
    found = manifest.read(tmp_path)
    assert found.sound
    assert {name: set(done.files) for name, done in found.jobs.items()} == {
        name: set(own) for name, own in wanted.items()
    }
    assert build(tmp_path, wanted, workers=4)[0] == []


def test_a_file_name_that_no_page_has_is_a_bug() -> None:
    with pytest.raises(ValueError, match="should match pattern"):
        Done(name="x", digest="x", files=("የጥራት ደረጃ.html",))
