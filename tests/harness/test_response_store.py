"""The response store: every row has its checksum, damage is put aside, and what is whole is kept."""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.doctor import examine_results, examine_store, put_aside
from harness.errors import RecordError, StorageError
from harness.store import ResponseStore, content_hash
from harness.store import salvage as salvage_module
from harness.store.disk import explained, of_database
from harness.store.encoding import encode
from harness.store.schema import _FIRST, checksum
from harness.types import EmbedResponse, GenerateResponse, LogLikelihoodResponse, Response

TEXTS = ("ሰላም ለዓለም", "ߒߞߏ ߞߊ߲", "สวัสดี", "こんにちは \ud800", "مرحبا \u200f", "👩🏽‍🔬🇪🇹", "")


def response(number: int) -> Response:
    if number % 3 == 0:
        return LogLikelihoodResponse(logprob=-number / 7, is_greedy=bool(number % 2), tokens=number)
    return GenerateResponse(text=f"{TEXTS[number % len(TEXTS)]} {number} " * 6)


ANSWERS = {content_hash(number): response(number) for number in range(1500)}
PLAN = content_hash("plan")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store's file, closed."""
    path = tmp_path_factory.mktemp("whole") / "responses.sqlite"
    with ResponseStore(path) as store:
        store.put(ANSWERS.items())
        store.put_reduction(PLAN, b"statistics" * 50)
        store.add_planned(PLAN, [3, 1, 2])
        store.add_planned(PLAN, [9])
    assert [file.name for file in path.parent.iterdir()] == ["responses.sqlite"]
    return path.read_bytes()


def check_and_fill(path: Path) -> tuple[int, list[str]]:
    """Use a store as a run does; how many answers it had, and its notes."""
    with ResponseStore(path) as store:
        found = store.get(list(ANSWERS))
        assert found == {key: ANSWERS[key] for key in found}, "nothing wrong comes out"
        assert set(store.missing(list(ANSWERS))) == ANSWERS.keys() - found.keys()
        store.put((key, answer) for key, answer in ANSWERS.items() if key not in found)
        assert store.get(list(ANSWERS)) == ANSWERS
        assert store.problems() == []
        notes = store.notes
    with ResponseStore(path) as store:
        assert store.get(list(ANSWERS)) == ANSWERS
        assert store.notes == []
    return len(found), notes


def flipped(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 3, 40))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def first_page(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    changed[draw.randrange(4096)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def without_first_page(content: bytes, draw: random.Random) -> bytes:
    return draw.randbytes(4096) + content[4096:]


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def overwritten(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content))
    return content[:start] + bytes(9000) + content[start + 9000 :]


@pytest.mark.parametrize("damage", [flipped, first_page, without_first_page, cut, overwritten])
def test_damage_loses_what_it_hit_and_says_so(
    whole: bytes, tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    draw = random.Random(damage.__name__)
    for trial in range(5):
        path = tmp_path / str(trial) / "responses.sqlite"
        path.parent.mkdir()
        path.write_bytes(damage(whole, draw))
        kept, notes = check_and_fill(path)
        assert kept == len(ANSWERS) or notes
        if damage in (first_page, without_first_page):
            assert kept == len(ANSWERS), "the rows stand on other pages"
        if damage is flipped:
            assert kept > 0.5 * len(ANSWERS)


def test_a_file_that_was_never_a_store_is_moved_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "responses.sqlite"
    for number in (1, 2):
        path.write_bytes(b"not a database" * 1000)
        kept, (note,) = check_and_fill(path)
        assert kept == 0
        assert f"damaged (file is not a database); moved to responses.sqlite.damaged-{number}, 0 responses" in note
        assert note in caplog.text
    assert (tmp_path / "responses.sqlite.damaged-1").read_bytes() == b"not a database" * 1000
    assert [file.name for file in put_aside(tmp_path)] == ["responses.sqlite.damaged-1", "responses.sqlite.damaged-2"]


def spoil(path: Path, key: str, statement: str = "UPDATE responses SET body = x'00' WHERE key = ?") -> None:
    with sqlite3.connect(path) as db:
        db.execute(statement, (key,))
    db.close()


def test_a_row_that_does_not_fit_its_checksum_is_put_aside(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large file, which is not looked through when it is opened, the rows that are asked for."""
    monkeypatch.setattr("harness.store.responses._LOOKED_THROUGH", 0)
    path = tmp_path / "responses.sqlite"
    path.write_bytes(whole)
    first, second, *_ = ANSWERS
    spoil(path, first)
    spoil(path, second, "UPDATE responses SET checksum = checksum + 1 WHERE key = ?")
    spoil(path, PLAN, "UPDATE reductions SET body = x'00' WHERE key = ?")
    spoil(path, PLAN, "UPDATE plans SET body = x'00' WHERE key = ? AND layer = 1")
    assert len(list(examine_store(path))) == 3
    with ResponseStore(path) as store:
        found = store.get(list(ANSWERS))
        assert ANSWERS.keys() - found.keys() == {first, second}
        assert store.get_reduction(PLAN) is None
        assert [layer.tolist() for layer in store.planned(PLAN)] == [[3, 1, 2]]
        assert store.notes == [f"{path}: damaged entries: 4; they were moved to its table 'damaged' and are made again"]
    assert list(examine_store(path)) == []
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT source, key FROM damaged ORDER BY source").fetchall()
    assert rows == [("plans", PLAN), ("reductions", PLAN), *[("responses", key) for key in (first, second)]]


@pytest.mark.parametrize(
    ("kind", "body"), [("embed", b"\x01"), ("reasoned", b"[1"), ("loglikelihood", b"7"), ("?", b"")]
)
def test_a_row_that_fits_its_checksum_and_is_no_response_is_put_aside(tmp_path: Path, kind: str, body: bytes) -> None:
    path = tmp_path / "responses.sqlite"
    with ResponseStore(path) as store:
        store.put([("good", response(1))])
        store._insert("responses", [("bad", kind, body)])
        assert store.get(["bad", "good"]) == {"good": response(1)}
        assert store.missing(["bad", "good"]) == ["bad"]
        assert len(store.notes) == 1


def test_a_store_of_version_1_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    with sqlite3.connect(path) as db:
        for statement in _FIRST.values():
            db.execute(statement)
        db.executemany("INSERT INTO responses VALUES (?, ?, ?)", [(key, *encode(one)) for key, one in ANSWERS.items()])
        db.execute("INSERT INTO reductions VALUES (?, ?)", (PLAN, b"old"))
        db.execute("INSERT INTO plans VALUES (?, 0, ?)", (PLAN, np.array([4, 2], dtype="<i4").tobytes()))
        db.execute("PRAGMA user_version=1")
    db.close()
    before = path.read_bytes()
    with ResponseStore.for_reading(path) as store:
        assert store.get(list(ANSWERS)) == ANSWERS
        assert store.get_reduction(PLAN) == b"old"
    assert path.read_bytes() == before
    assert check_and_fill(path) == (len(ANSWERS), [])
    with ResponseStore(path) as store:
        assert store.get_reduction(PLAN) == b"old"
        assert [layer.tolist() for layer in store.planned(PLAN)] == [[4, 2]]
    spoil(path, PLAN, "UPDATE reductions SET body = x'00' WHERE key = ?")
    with ResponseStore(path) as store:
        assert store.get_reduction(PLAN) is None


def test_a_store_of_a_later_version_is_left_alone(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    path.write_bytes(whole)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE later (key)")
        db.execute("PRAGMA user_version=7")
    db.close()
    with pytest.raises(RecordError, match="has version 7, this glotbench reads 2"):
        ResponseStore(path)
    assert [file.name for file in tmp_path.iterdir()] == ["responses.sqlite"]


def test_nothing_is_moved_while_another_process_uses_the_store(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    path.write_bytes(b"x" * 5000)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_SH)
    with pytest.raises(RecordError, match=r"damaged .* and another process uses it; run again when that has ended"):
        ResponseStore(path)
    os.close(other)
    assert path.read_bytes() == b"x" * 5000
    assert check_and_fill(path)[0] == 0


def test_reading_only_changes_nothing_and_names_damage(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    path.write_bytes(whole[:20_000])
    with pytest.raises(RecordError, match="damaged"), ResponseStore.for_reading(path) as store:
        store.get(list(ANSWERS))
    assert path.read_bytes() == whole[:20_000]
    assert any("responses.sqlite" in line for line in examine_results(tmp_path))


@pytest.mark.parametrize("stage", ["_copy", "_replace"])
def test_a_process_killed_while_it_saves_loses_nothing(
    whole: bytes, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "responses.sqlite"
    path.write_bytes(bytes(100) + whole[100:])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(salvage_module, stage, killed)
        with pytest.raises(KeyboardInterrupt):
            ResponseStore(path)
    kept, _ = check_and_fill(path)
    assert kept == len(ANSWERS)
    assert not [file for file in tmp_path.iterdir() if file.suffix in (".part", ".saved", ".repaired")]


def test_threads_take_turns(tmp_path: Path) -> None:
    items = list(ANSWERS.items())
    wrong: list[object] = []
    with ResponseStore(tmp_path / "responses.sqlite") as store:

        def write(start: int) -> None:
            for index in range(start, len(items), 150):
                store.put(items[index : index + 50])

        def read() -> None:
            for _ in range(20):
                found = store.get(list(ANSWERS))
                wrong.extend(key for key, one in found.items() if one != ANSWERS[key])

        threads = [
            *(threading.Thread(target=write, args=(start,)) for start in (0, 50, 100)),
            threading.Thread(target=read),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.get(list(ANSWERS)) == ANSWERS
    assert not wrong


def test_vectors_come_back_bit_by_bit(tmp_path: Path) -> None:
    vectors = np.array([np.nan, np.inf, -0.0, 1e-42], dtype=np.float32)
    with ResponseStore(tmp_path / "responses.sqlite") as store:
        store.put([("v", EmbedResponse(vectors=vectors))])
        found = store.get(["v"])["v"]
    assert isinstance(found, EmbedResponse)
    assert found.vectors.tobytes() == vectors.tobytes()


def test_a_checksum_depends_on_every_part_and_where_it_ends() -> None:
    assert checksum("ab", "c", b"d") != checksum("a", "bc", b"d")
    assert checksum("k", 1, b"d") != checksum("k", 2, b"d")
    assert checksum("k", None, b"d") == -1


def test_what_is_said_of_disks(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=rf"{tmp_path}: the disk is full .* goes on where"), explained(tmp_path):
        raise OSError(28, "No space left on device")
    with pytest.raises(StorageError, match=r"x/y: cannot be read or written .*permissions"), explained(tmp_path):
        raise PermissionError(13, "Permission denied", "x/y")
    with pytest.raises(FileNotFoundError), explained(tmp_path):
        raise FileNotFoundError(2, "No such file", "x")
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert "the disk is full or fails" in str(of_database(tmp_path, full))
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert "another process writes" in str(of_database(tmp_path, locked))
