"""Embeddings kept between runs: each text once, whole or not at all, within the limit, and the same scores."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from numpy.typing import NDArray

from harness.cli import cli
from harness.embedding_cache import EmbeddingCache, size_in_bytes, vector_key
from harness.engine.models import parse_model
from harness.engine.st import SentenceTransformersEngine
from harness.errors import UserError
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks.base import Selection
from harness.types import Embed
from harness.vector_files import VectorFile

REPOSITORY = Path(__file__).resolve().parents[2]
SPACE = {"weights": "sha256:abc", "dtype": "float32"}
WIDTH = 8
LARGE = 10**9


def vector(text: str) -> NDArray[np.float32]:
    """What the made-up model of these tests would say to a text."""
    return np.random.default_rng(list(text.encode())).standard_normal(WIDTH).astype(np.float32)


def items(texts: Sequence[str]) -> list[tuple[bytes, NDArray[np.float32]]]:
    return [(vector_key("", text), vector(text)) for text in texts]


def held(cache: EmbeddingCache, texts: Sequence[str], space: dict[str, str] = SPACE) -> list[str]:
    """The texts whose vectors are there; every one of them must be right."""
    found = cache.get(space, [vector_key("", text) for text in texts])
    for text in texts:
        if (row := found.get(vector_key("", text))) is not None:
            np.testing.assert_array_equal(row, vector(text))
    return [text for text in texts if vector_key("", text) in found]


TEXTS = [f"ጽሑፍ {index} 🌊" for index in range(40)]


def test_what_is_put_in_is_found_by_prompt_text_and_space(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, LARGE)
    assert held(cache, TEXTS) == []
    assert cache.put(SPACE, "m", items(TEXTS[:20]))
    assert held(cache, TEXTS) == TEXTS[:20]
    assert cache.put(SPACE, "m", items(TEXTS[20:]))
    for reader in (cache, EmbeddingCache(tmp_path, LARGE)):
        assert held(reader, TEXTS) == TEXTS
        assert held(reader, TEXTS, {**SPACE, "dtype": "bfloat16"}) == []
        assert reader.get(SPACE, [vector_key("query: ", TEXTS[0])]) == {}
    (space,) = cache.contents()
    assert (space.model, space.width, space.vectors) == ("m", WIDTH, 40)
    assert space.size == sum(path.stat().st_size for path in tmp_path.rglob("*.[kv]e*"))


def test_a_torn_end_is_ignored_and_written_over(tmp_path: Path) -> None:
    """Whatever a killed process leaves of the last vectors, those before stay, and the next come after them."""
    whole = VectorFile(tmp_path / "whole", WIDTH)
    whole.append(items(TEXTS[:3]))
    keys, rows = whole.keys_path.read_bytes(), whole.rows_path.read_bytes()
    for cut_keys in range(0, len(keys) + 1, 7):
        for cut_rows in range(0, len(rows) + 1, 13):
            torn = VectorFile(tmp_path / "torn", WIDTH)
            torn.keys_path.write_bytes(keys[:cut_keys])
            torn.rows_path.write_bytes(rows[:cut_rows])
            here = min(cut_keys // 20, cut_rows // (4 * WIDTH))
            assert torn.count() == here
            torn.append(items(TEXTS[10:12]))
            found, damaged = VectorFile(tmp_path / "torn", WIDTH).read([key for key, _ in items(TEXTS)])
            assert not damaged
            assert set(found) == {key for key, _ in items([*TEXTS[:here], *TEXTS[10:12]])}


@pytest.mark.parametrize("ending", ["keys", "vec"])
def test_damage_is_found_and_mended(tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    EmbeddingCache(tmp_path, LARGE).put(SPACE, "m", items(TEXTS))
    (path,) = tmp_path.rglob(f"*.{ending}")
    body = bytearray(path.read_bytes())
    for place in range(5, len(body), 200):
        body[place] ^= 0x40
    path.write_bytes(body)
    cache = EmbeddingCache(tmp_path, LARGE)
    left = held(cache, TEXTS)
    assert 0 < len(left) < len(TEXTS)
    if ending == "vec":
        assert f"{len(TEXTS) - len(left)} embeddings are damaged; they are computed again" in caplog.text
    caplog.clear()
    cache.put(SPACE, "m", items([text for text in TEXTS if text not in left]))
    assert held(EmbeddingCache(tmp_path, LARGE), TEXTS) == TEXTS
    assert not caplog.text


def test_the_limit_holds_and_what_was_used_longest_ago_goes(tmp_path: Path) -> None:
    """Each process here puts one vector in, and one text is asked for all the time."""
    limit, other = 20 * (20 + 4 * WIDTH), {**SPACE, "dtype": "other"}
    for index, text in enumerate(TEXTS):
        time.sleep(0.002)  # the order of use is told by the files' times
        cache = EmbeddingCache(tmp_path, limit)
        assert cache.put(other if index % 2 else SPACE, "m", items([text]))
        assert held(EmbeddingCache(tmp_path, limit), TEXTS[:1]) == TEXTS[:1]
        assert sum(space.size for space in cache.contents()) <= limit
    cache = EmbeddingCache(tmp_path, limit)
    last = [held(cache, TEXTS[start::2], space) for start, space in enumerate((SPACE, other))]
    assert last == [[TEXTS[0], *TEXTS[22::2]], TEXTS[21::2]]


def test_a_process_keeps_what_it_has_used_and_no_more_than_fits(tmp_path: Path) -> None:
    limit = 12 * (20 + 4 * WIDTH)
    cache = EmbeddingCache(tmp_path, limit)
    kept = [cache.put(SPACE, "m", items([text])) for text in TEXTS[:20]]
    assert kept == [True] * 12 + [False] * 8
    assert held(cache, TEXTS) == TEXTS[:12]
    assert EmbeddingCache(tmp_path, limit).put(SPACE, "m", items(TEXTS[12:16]))
    left = held(EmbeddingCache(tmp_path, limit), TEXTS)
    assert len(left) == 12
    assert left[-4:] == TEXTS[12:16]
    assert not EmbeddingCache(tmp_path / "small", 30).put(SPACE, "m", items(TEXTS[:1]))
    assert not (tmp_path / "small").exists()


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    cache = EmbeddingCache(tmp_path / "file" / "cache", LARGE)
    assert [cache.put(SPACE, "m", items(TEXTS)) for _ in range(2)] == [False, False]
    assert held(cache, TEXTS) == []
    assert cache.clear() == 0
    assert len(caplog.records) == 1
    assert "embeddings cannot be kept there" in caplog.text


_WRITER = """
import sys
from pathlib import Path
from harness.embedding_cache import EmbeddingCache
from tests.harness.test_embedding_cache import SPACE, items
folder, first, last, limit = Path(sys.argv[1]), *map(int, sys.argv[2:])
cache = EmbeddingCache(folder, limit)
for start in range(first, last, 5):
    cache.put(SPACE, "m", items([f"บท {index}" for index in range(start, min(start + 5, last))]))
"""


def writer(folder: Path, first: int, last: int, limit: int = LARGE) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _WRITER, str(folder), str(first), str(last), str(limit)]
    return subprocess.Popen(command, cwd=REPOSITORY)


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    limit = 10**6
    made = [writer(tmp_path, 0, 1200, limit), writer(tmp_path, 800, 2000, limit)]
    assert [process.wait(timeout=120) for process in made] == [0, 0]
    cache = EmbeddingCache(tmp_path, limit)
    texts = [f"บท {index}" for index in range(2000)]
    assert held(cache, texts) == texts
    assert sum(space.size for space in cache.contents()) <= limit


def test_a_process_killed_while_writing_leaves_whole_vectors_and_no_lock(tmp_path: Path) -> None:
    process = writer(tmp_path, 0, 10**6)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in tmp_path.rglob("*.keys")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    cache = EmbeddingCache(tmp_path, LARGE)
    (space,) = cache.contents()
    texts = [f"บท {index}" for index in range(space.vectors)]
    assert space.vectors > 0
    assert held(cache, texts) == texts
    assert cache.put(SPACE, "m", items(["ቀጣይ"]))
    assert held(EmbeddingCache(tmp_path, LARGE), [*texts, "ቀጣይ"]) == [*texts, "ቀጣይ"]


@pytest.mark.parametrize(("text", "size"), [("500MB", 5 * 10**8), ("1.5 gb", 15 * 10**8), ("77", 77)])
def test_sizes(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "٣GB", "-1", "5 apples"])
def test_what_is_no_size_is_an_error(text: str) -> None:
    with pytest.raises(UserError, match="not a size"):
        size_in_bytes(text)


SENTENCES = {
    "eng_Latn": [f"Sentence {index} about water" + " and bread" * (index % 5) for index in range(24)],
    "amh_Ethi": [f"ስለ ውሃ {index}" + " እና ዳቦ" * (index % 4) for index in range(24)],
    "nqo_Nkoo": [f"ߞߎߡߊߘߋ߲ {index % 20}" + " ߖߌ" * (index % 4) for index in range(24)],
}
WHOLE = Selection()
DISTINCT = len({text for sentences in SENTENCES.values() for text in sentences})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tasks over the same sentences; the statistics of one of them, similarities, show every bit of a vector."""
    made = tmp_path_factory.mktemp("tasks")
    for language, sentences in SENTENCES.items():
        rows = [f"{index}\t{text}\t{'ab'[index % 2]}\n" for index, text in enumerate(sentences)]
        (made / f"{language}.tsv").write_text("id\ttext\tlabel\n" + "".join(rows), encoding="utf-8")
        pairs = [f"{one}\t{two}\t{len(one)}\n" for one, two in itertools.pairwise(sentences)]
        (made / f"{language}.pairs.tsv").write_text("sentence1\tsentence2\tscore\n" + "".join(pairs), encoding="utf-8")
    common = {"dataset": {"files": "{lang}.tsv", "key": "id"}, "languages": list(SENTENCES)}
    specs = {
        "mine": {"kind": "bitext_mining", "directions": "xx-eng", "metrics": ["bitext_f1"], **common},
        "alike": {
            "kind": "sts",
            "metrics": ["cosine_spearman"],
            **common,
            "dataset": {"files": "{lang}.pairs.tsv"},
        },
        "group": {"kind": "clustering", "metrics": [{"name": "v_measure", "sample": 24, "experiments": 2}], **common},
    }
    for name, spec in specs.items():
        (made / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **spec}), encoding="utf-8")
    return made


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that the model was given, in order."""
    texts: list[str] = []
    embed = SentenceTransformersEngine.embed

    def noted(self: SentenceTransformersEngine, batch: Sequence[Embed]) -> NDArray[np.float32]:
        texts.extend(request.text for request in batch)
        return embed(self, batch)

    monkeypatch.setattr(SentenceTransformersEngine, "embed", noted)
    return texts


def scored(
    folder: Path,
    model: Path,
    out: Path,
    cache: EmbeddingCache | None,
    selection: Selection = WHOLE,
    **more: object,
) -> tuple[bytes, int]:
    """Statistics of a run of the tasks, as bytes, and how many embeddings were computed."""
    options = "".join(f",{name}={value}" for name, value in more.items())
    plan = RunPlan(
        tasks=load_tasks(["mine", "alike", "group"], [folder]),
        models=[parse_model(f"st:{model},name=m,device=cpu,batch_size=4{options}")],
        selection=selection,
        out=out,
        cache=cache,
    )
    made = run(plan, lambda *_: None)
    stages = RunFolder(made).record.stages
    return (made / "statistics.parquet").read_bytes(), sum(stage.computed for stage in stages)


def test_a_sentence_of_several_tasks_is_encoded_once(
    folder: Path, tiny_sentence_model: Path, tmp_path: Path, embedded: list[str]
) -> None:
    cache = EmbeddingCache(tmp_path / "cache", LARGE)
    first, computed = scored(folder, tiny_sentence_model, tmp_path / "first", cache)
    assert computed == DISTINCT
    assert Counter(embedded) == dict.fromkeys((text for sentences in SENTENCES.values() for text in sentences), 1)
    again, computed = scored(folder, tiny_sentence_model, tmp_path / "second", cache)
    assert (again, computed, len(embedded)) == (first, 0, DISTINCT)
    without, computed = scored(folder, tiny_sentence_model, tmp_path / "third", None)
    assert (without, computed, len(embedded)) == (first, DISTINCT, 2 * DISTINCT)
    (space,) = cache.contents()
    assert (space.model, space.vectors, space.width) == ("m", DISTINCT, 32)


def test_one_vector_serves_every_length_and_precision(
    folder: Path, tiny_sentence_model: Path, tmp_path: Path, embedded: list[str]
) -> None:
    cache = EmbeddingCache(tmp_path / "cache", LARGE)
    scored(folder, tiny_sentence_model, tmp_path / "full", cache)
    del embedded[:]
    for options in ({"truncate_dim": 5}, {"quantize": "binary"}, {"quantize": "int8", "truncate_dim": 20}):
        kept, computed = scored(folder, tiny_sentence_model, tmp_path / "kept", cache, **options)
        assert (computed, embedded) == (0, [])
        fresh, computed = scored(folder, tiny_sentence_model, tmp_path / "fresh" / str(options), None, **options)
        assert computed == DISTINCT
        assert kept == fresh
        del embedded[:]
    _, computed = scored(folder, tiny_sentence_model, tmp_path / "kept", cache, prompt="query: ")
    assert computed == DISTINCT


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("batches", [1, 6, 14])
def test_a_run_that_stopped_goes_on_to_the_same_bytes(
    folder: Path,
    tiny_sentence_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batches: int,
    cached: bool,
) -> None:
    calm, _ = scored(folder, tiny_sentence_model, tmp_path / "calm", None)
    cache = EmbeddingCache(tmp_path / "cache", LARGE) if cached else None
    embed = SentenceTransformersEngine.embed
    left = [batches]

    def stopping(self: SentenceTransformersEngine, batch: Sequence[Embed]) -> NDArray[np.float32]:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return embed(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(SentenceTransformersEngine, "embed", stopping)
        with pytest.raises(KeyboardInterrupt):
            scored(folder, tiny_sentence_model, tmp_path / "stopped", cache)
    resumed, computed = scored(folder, tiny_sentence_model, tmp_path / "stopped", cache)
    assert resumed == calm
    assert DISTINCT - 4 * batches <= computed < DISTINCT


def test_a_run_that_stopped_with_some_vectors_from_another_run_goes_on_to_the_same_bytes(
    folder: Path,
    tiny_sentence_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    embedded: list[str],
) -> None:
    """Batches are made among the texts that were missing at first, so that none is encoded twice."""
    caches = [EmbeddingCache(tmp_path / name, LARGE) for name in ("calm", "stopped")]
    _, before = scored(folder, tiny_sentence_model, tmp_path / "before", caches[0], Selection(limit=9))
    shutil.copytree(caches[0].folder, caches[1].folder)
    calm, computed = scored(folder, tiny_sentence_model, tmp_path / "calm-out", caches[0])
    assert computed == DISTINCT - before == len(embedded) - before
    assert max(Counter(embedded).values()) == 1
    put, left = EmbeddingCache.put, [5]

    def stopping(self: EmbeddingCache, *given: Any) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return put(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(EmbeddingCache, "put", stopping)
        with pytest.raises(KeyboardInterrupt):
            scored(folder, tiny_sentence_model, tmp_path / "stopped-out", caches[1])
    resumed, computed = scored(folder, tiny_sentence_model, tmp_path / "stopped-out", caches[1])
    assert resumed == calm
    assert 0 < computed < DISTINCT - before


def test_vectors_that_were_lost_or_damaged_are_computed_again_to_the_same_bytes(
    folder: Path, tiny_sentence_model: Path, tmp_path: Path
) -> None:
    cache = EmbeddingCache(tmp_path / "cache", LARGE)
    first, _ = scored(folder, tiny_sentence_model, tmp_path / "out", cache)
    (path,) = (tmp_path / "cache").rglob("*.vec")
    body = bytearray(path.read_bytes())
    body[1000] ^= 1
    path.write_bytes(body[:-200])
    again, computed = scored(folder, tiny_sentence_model, tmp_path / "out", EmbeddingCache(tmp_path / "cache", LARGE))
    assert (again, computed) == (first, 3)
    shutil.rmtree(tmp_path / "cache")
    again, computed = scored(folder, tiny_sentence_model, tmp_path / "out", EmbeddingCache(tmp_path / "cache", LARGE))
    assert (again, computed) == (first, DISTINCT)


@pytest.mark.parametrize("limit", [100, 5000])
def test_what_does_not_fit_is_kept_with_the_results(
    folder: Path, tiny_sentence_model: Path, tmp_path: Path, limit: int
) -> None:
    fresh, _ = scored(folder, tiny_sentence_model, tmp_path / "fresh", None)
    EmbeddingCache(tmp_path / "cache", limit).put(SPACE, "other", items(TEXTS[:30]))
    cache = EmbeddingCache(tmp_path / "cache", limit)
    assert scored(folder, tiny_sentence_model, tmp_path / "out", cache) == (fresh, DISTINCT)
    assert sum(space.size for space in cache.contents()) <= limit
    again = EmbeddingCache(tmp_path / "cache", limit)
    assert scored(folder, tiny_sentence_model, tmp_path / "out", again) == (fresh, 0)


def test_the_command_line_uses_shows_and_clears_the_cache(
    folder: Path, tiny_sentence_model: Path, tmp_path: Path
) -> None:
    runner = CliRunner(env={"GLOTBENCH_CACHE": str(tmp_path / "cache"), "GLOTBENCH_CACHE_LIMIT": "2MB"})
    task = ["run", "mine", "--tasks", str(folder), "--model", f"st:{tiny_sentence_model},name=m,device=cpu"]
    done = runner.invoke(cli, [*task, "--out", str(tmp_path / "a"), "--no-cache"], catch_exceptions=False)
    assert f"m on mine: 72 requests, {DISTINCT} computed" in done.stderr
    assert not (tmp_path / "cache" / "embeddings").exists()
    runner.invoke(cli, [*task, "--out", str(tmp_path / "b")], catch_exceptions=False)
    done = runner.invoke(cli, [*task, "--out", str(tmp_path / "c")], catch_exceptions=False)
    assert "m on mine: 72 requests, 0 computed" in done.stderr
    done = runner.invoke(cli, ["cache", "info"])
    assert done.stdout.splitlines()[1].split()[:3] == ["m", "32", str(DISTINCT)]
    assert "of at most 2 MB" in done.stdout
    done = runner.invoke(cli, ["cache", "clear"])
    assert done.stdout.startswith("0.0 MB deleted")
    assert runner.invoke(cli, ["cache", "info"]).stdout.startswith("0.0 MB of at most 2 MB")
    done = runner.invoke(cli, ["cache", "info", "--cache-limit", "lots"])
    assert isinstance(done.exception, UserError)
