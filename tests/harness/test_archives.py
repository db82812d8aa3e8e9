"""Release archives are read in place: every kind alike, nothing unpacked, nothing that leads outside."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness import archives
from harness.archives import open_archive
from harness.errors import DataError

FILES = {
    "flores/dev/amh_Ethi.dev": "ሰላም ለዓለም\nውሃ ይፈላል\n".encode(),
    "flores/dev/nqo_Nkoo.dev": "ߊߟߎ߫ ߣߌ߫ ߖߏ߬\n".encode(),
    "flores/ተጨማሪ 🦁.txt": "မင်္ဂလာပါ".encode(),
    "flores/empty": b"",
}
KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")


def packed(path: Path, files: Mapping[str, bytes]) -> Path:
    """An archive of the kind that the path's ending says."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    compression = {".gz": "gz", ".bz2": "bz2", ".xz": "xz", ".tgz": "gz"}.get(path.suffix, "")
    with tarfile.open(path, f"w:{compression}") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def read(path: Path, name: str) -> bytes:
    archive = open_archive(path)
    member = archive.find(name)
    assert member is not None, name
    with archive.open(member) as handle:
        return handle.read()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_archive_has_the_same_files(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path / f"x.{kind}", FILES)
    assert {name: read(path, name) for name in FILES} == FILES
    assert open_archive(path).find("flores/dev/yor_Latn.dev") is None
    assert list(tmp_path.iterdir()) == [path], "nothing is unpacked"


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_one_folder_may_stand_before_the_name_unless_two_have_it(tmp_path: Path, kind: str) -> None:
    files = {"repo-4f2a/data/test.tsv": b"a", "./repo-4f2a/only.tsv": b"b", "one/both.tsv": b"1", "two/both.tsv": b"2"}
    path = packed(tmp_path / f"x.{kind}", files)
    assert read(path, "data/test.tsv") == b"a"
    assert read(path, "only.tsv") == b"b"
    assert open_archive(path).find("both.tsv") is None
    assert open_archive(path).find("test.tsv") is None


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_lead_outside_are_not_there(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path / f"x.{kind}", {"../evil": b"x", "/etc/evil": b"x", "a/../../evil": b"x", "good": b"y"})
    assert list(open_archive(path).names) == ["good"]


def test_links_and_devices_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("dev", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "../secret"
            tar.addfile(member)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        link = zipfile.ZipInfo("soft")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../secret")
    assert not open_archive(path).names
    assert not open_archive(tmp_path / "x.zip").names


def test_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    files = {"a": b"a" * 5000 + b"\n" + b"A" * 5000, "b": b"b" * 9000 + b"\nB"}
    archive = open_archive(packed(tmp_path / "x.tgz", files))
    with archive.open("a") as first, archive.open("b") as second:
        assert first.readline() == b"a" * 5000 + b"\n"
        assert second.readline() == b"b" * 9000 + b"\n"
        assert second.read() == b"B"
        assert second.seek(-3, os.SEEK_END) == len(files["b"]) - 3
        assert second.read(10) == b"b\nB"
        assert first.read() == b"A" * 5000


def test_an_archive_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.tar.gz", {"a": b"old"})
    assert read(path, "a") == b"old"
    packed(path, {"a": b"newer", "b": b""})
    assert read(path, "a") == b"newer"


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_archives_are_named(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path / f"x.{kind}", {"a": os.urandom(5000)})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"x\.{kind}.*fetch"):
        read(path, "a")


def test_an_encrypted_member_says_what_to_do(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a": b"text"})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # general purpose flag of the member
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and the same in the directory
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted; unpack the archive yourself"):
        read(path, "a")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED", 10_000)
    monkeypatch.setattr(archives, "_BLOCK", 1000)
    path = packed(tmp_path / f"x.{kind}", {"zeros": b"\0" * 1_000_000})
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match="10,000"):
        read(path, "zeros")


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_text("<html>not found</html>")
    with pytest.raises(DataError, match="not a readable archive"):
        open_archive(path)
    with pytest.raises(DataError, match="cannot be read"):
        open_archive(tmp_path / "none.zip")
