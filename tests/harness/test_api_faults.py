"""A server that misbehaves: what is tried again, what is waited for, what is recorded, and that no key gets out."""

from __future__ import annotations

import base64
import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.cli import main
from harness.engine.http_exchange import Address, Exchange
from harness.engine.models import load_model, parse_model
from harness.engine.retries import MalformedError, Patience, Refusal, Server, retry_after
from harness.errors import BackendError, RunIncompleteError
from harness.export import scores_csv
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from tests.api_server import FAULTS, ApiServer, Letters, seeded, serving, write_translation_task

KEY = 'glot-never-seen/7+=x"quoted\\key'
TEXTS = {
    "eng_Latn": "Sentence {} about water and bread.",
    "amh_Ethi": "ስለ ውሃ እና ዳቦ ዓረፍተ ነገር {}።",
    "nqo_Nkoo": "ߞߎߡߊߘߋ߲ {} ߖߌ ߣߌ߫ ߓߎ߬ߙߎ",
}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two directions with 40 sentences each."""
    return write_translation_task(tmp_path_factory.mktemp("tasks"), TEXTS, 40)


def plan(tasks: Path, out: Path, server: ApiServer, options: str = "") -> RunPlan:
    model = parse_model(f"api:toy,url={server.url},revision=1,backoff=0.005,timeout=0.3{options}")
    return RunPlan(tasks=load_tasks(["translate"], [tasks]), models=[model], out=out)


def silent(*_: object) -> None:
    pass


def asker(server: ApiServer, **patience: float) -> Server:
    """What asks a server, without a model."""
    exchange = Exchange(Address.parsed(server.url), {}, timeout=patience.pop("timeout", 5.0))
    return Server(exchange=exchange, patience=Patience(**{"backoff": 0.001, **patience}))  # type: ignore[arg-type]


def ask(own: Server) -> str | Refusal:
    return own.ask("/completions", {"prompt": "ab", "max_tokens": 1}, lambda found: str(found["choices"]))


@pytest.mark.parametrize("fault", [*FAULTS, "trickle"])
def test_every_fault_is_tried_again_and_then_is_a_reason(fault: str) -> None:
    with serving(behaviour=lambda _s, _p, attempt: fault if attempt < 2 else "ok", slow=0.3) as server:
        found = ask(asker(server, retries=4, timeout=0.1))
        shape = fault == "shape"  # what is malformed is the reader's to say, and this one is content with it
        assert "ba" in str(found) or shape
    with serving(behaviour=lambda *_: fault, slow=0.3) as server:
        refused = asker(server, retries=1, timeout=0.1).ask("/completions", {"prompt": "ab"}, _malformed)
        assert isinstance(refused, Refusal)
        assert refused.reason.endswith("(2 attempts)")
        assert sum(server.faults.values()) >= 2


def _malformed(found: object) -> str:
    raise MalformedError("no text")


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "413", "422", "501"])
def test_the_servers_last_word_is_not_asked_for_twice(status: str) -> None:
    with serving(behaviour=lambda *_: status) as server:
        refused = ask(asker(server))
        assert isinstance(refused, Refusal)
        assert (refused.status, len(server.asked)) == (int(status), 1)
        assert f"status {status}" in refused.reason


def test_retry_after_is_honoured() -> None:
    def behaviour(_service: str, _payload: object, attempt: int) -> str:
        return "429" if attempt == 0 else "ok"

    with serving(behaviour=behaviour, retry_after="0.4") as server:
        since = time.monotonic()
        assert isinstance(ask(asker(server)), str)
        assert time.monotonic() - since >= 0.4
    with serving(behaviour=behaviour, retry_after="3600") as server:
        since = time.monotonic()
        refused = ask(asker(server, patience=5.0))
        assert isinstance(refused, Refusal)  # longer than our patience: not waited for at all
        assert refused.status == 429
        assert len(server.asked) == 1


def test_retry_after_may_be_a_date() -> None:
    later = time.time() + 90
    text = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(later))
    assert retry_after(text) == pytest.approx(90, abs=5)
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("2.5") == 2.5
    assert [retry_after(text) for text in ("", "soon", "-3", "nan")] == [0, 0, 0, 0]


def test_a_proxy_of_the_environment_is_used_and_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
        monkeypatch.delenv("no_proxy", raising=False)
        Exchange(Address.parsed("http://models.invalid:81/v1?x=1"), {}, timeout=5).ask("/models", None)
        Exchange(Address.parsed(server.url), {}, timeout=5).ask("/models", None)
        assert [service for service, _, _ in server.asked] == ["http://models.invalid:81/v1/models", "/models"]


def test_connections_are_kept_and_a_stale_one_is_replaced() -> None:
    with serving() as server:
        own = asker(server, retries=0)
        assert all(isinstance(ask(own), str) for _ in range(3))
        first = own.exchange._held.connection
        assert isinstance(ask(own), str)
        assert own.exchange._held.connection is first
        assert first is not None
        first.sock.shutdown(2)  # as if the server had closed it while nothing was asked
        assert isinstance(ask(own), str)  # without an attempt of its own


def test_a_server_that_keeps_no_connection_is_asked_on_new_ones() -> None:
    with serving(keeps=False) as server:
        own = asker(server, retries=0)
        assert all(isinstance(ask(own), str) for _ in range(3))
        assert own.exchange._held.connection is None
        own.close()
        refused = ask(own)
        assert isinstance(refused, Refusal)
        assert "closed here" in refused.reason


def test_a_run_through_faults_ends_with_the_scores_of_one_without(tasks: Path, tmp_path: Path) -> None:
    with serving() as server:
        calm = RunFolder(run(plan(tasks, tmp_path / "calm", server), silent)).record
    with serving(behaviour=seeded(3, 0.4), slow=0.35) as server:
        rough = RunFolder(run(plan(tasks, tmp_path / "rough", server, ",retries=40"), silent)).record
        shown = {fault for fault, count in server.faults.items() if count}
    assert len(shown) >= 10
    assert scores_csv(rough) == scores_csv(calm)
    assert {score.n_failed for score in rough.scores} == {0}


def test_what_fails_is_recorded_with_its_reason_and_asked_again_alone(tasks: Path, tmp_path: Path) -> None:
    broken = True

    def behaviour(_service: str, payload: object, _attempt: int) -> str:
        return "400" if broken and isinstance(payload, dict) and " 7 " in str(payload.get("prompt")) else "ok"

    with serving(behaviour=behaviour) as server:
        folder = run(plan(tasks, tmp_path, server), silent)
        record = RunFolder(folder).record
        assert {(score.n, score.n_failed) for score in record.scores} == {(39, 1)}
        unit = next(iter(RunFolder(folder).units()))
        (row,) = [row for row in RunFolder(folder).segments(unit) if row.failed is not None]
        assert row.hypothesis is None
        assert row.failed == "HTTP 400: you sent no key to /v1/completions; status 400"
        assert record.stages[0].failed == 2
        broken = False
        before = len(server.asked)
        again = RunFolder(run(plan(tasks, tmp_path, server), silent)).record
        asked = [payload["prompt"] for _, payload, _ in server.asked[before:] if "max_tokens" in payload]
        assert sum(" 7 " in prompt for prompt in asked) == 2
        assert len(asked) == 2 + 1  # and the probe
        assert {(score.n, score.n_failed) for score in again.scores} == {(40, 0)}


def test_a_server_that_dies_stops_the_run_and_the_same_command_goes_on(tasks: Path, tmp_path: Path) -> None:
    alive = 50

    def behaviour(*_: object) -> str:
        return "ok" if len(server.asked) <= alive else "503"

    with serving(behaviour=behaviour) as server:
        asked = plan(tasks, tmp_path, server, ",concurrency=4,retries=1")
        with pytest.raises(
            RunIncompleteError, match=r"toy on translate: \d+ of \d+ answers failed: HTTP 503: .*attempts"
        ):
            run(asked, silent)
        alive = 10**9
        before = len(server.asked)
        record = RunFolder(run(asked, silent)).record
        assert len(server.asked) - before < 80 + 2 - 40
        assert {(score.n, score.n_failed) for score in record.scores} == {(40, 0)}


def everything(folder: Path) -> str:
    """All that stands in a results folder: names, bytes, and the contents of tables and stores."""
    found = []
    for path in folder.rglob("*"):
        found.append(str(path))
        if path.is_file():
            found.append(path.read_bytes().decode("utf-8", "replace"))
        if path.suffix == ".parquet":
            found.append(str(pq.read_table(path).to_pylist()))
        if path.suffix == ".sqlite":
            database = sqlite3.connect(path)
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                cells = [cell for row in database.execute(f"SELECT * FROM {table}") for cell in row]
                found += [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell) for cell in cells]
            database.close()
    return "\n".join(found)


@pytest.mark.parametrize("way", ["key", "password", "query"])
def test_no_file_and_no_output_holds_a_secret(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], way: str
) -> None:
    def behaviour(_service: str, payload: object, _attempt: int) -> str:
        return "400" if isinstance(payload, dict) and " 7 " in str(payload.get("prompt")) else "ok"

    monkeypatch.setenv("HF_TOKEN", "hf_NeverSeenAnywhere0123456789")
    if way == "key":
        monkeypatch.setenv("GLOTBENCH_API_KEY", KEY)
    quoted = urllib.parse.quote(KEY, safe="")
    encoded = base64.b64encode(f"user:{KEY}".encode()).decode()
    with serving(Parrot(), behaviour=behaviour, key=KEY if way == "key" else "") as server:
        url = {
            "key": server.url,
            "password": server.url.replace("://", f"://user:{quoted}@"),
            "query": f"{server.url}?api-version=1&sig={quoted}",
        }[way]
        command = ["run", "translate", "--tasks", tasks, "--model", f"api:toy,url={url},label=x", "--out", tmp_path]
        code, printed = here(command, monkeypatch, capfd)
        sent = [headers.get("Authorization", "") for _, _, headers in server.asked]
    assert code == 0, printed
    assert set(sent) == {{"key": f"Bearer {KEY}", "password": f"Basic {encoded}", "query": ""}[way]}
    kept = everything(tmp_path) + printed
    assert {"key": "you sent Bearer ***", "password": "you sent Basic ***", "query": "sig=***"}[way] in kept
    for secret in (KEY, quoted, encoded, json.dumps(KEY)[1:-1], "never-seen", "hf_Never", KEY[:12]):
        assert secret not in kept, secret
    (record,) = [RunFolder(path).record for path in tmp_path.glob("*/run.json")]
    assert ("***" in record.command) == (way != "key")


def here(
    command: Sequence[object], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> tuple[object, str]:
    """Exit code of the command line in this process, and all that it prints."""
    monkeypatch.setattr(sys, "argv", ["glotbench", *map(str, command)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capfd.readouterr()
    return ended.value.code or 0, printed.out + printed.err


class Parrot(Letters):
    """A server that writes the secrets it knows into its answers."""

    def write(self, prompt: str, payload: object) -> str:
        return f"{super().write(prompt, {})} {KEY}"


@pytest.mark.parametrize("option", ["key", "api_key", "token", "password"])
def test_a_key_on_the_command_line_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], option: str
) -> None:
    models = [f"api:toy,url=http://h/v1,{option}={KEY}", f"apy:toy,url=http://u:{KEY}@h/v1,{option}={KEY}"]
    for model, said in zip(
        models, [f"{option}=... would put a secret on the command line", "no such backend"], strict=True
    ):
        code, printed = here(["run", "sample_bitext", "--model", model, "--out", tmp_path / "out"], monkeypatch, capfd)
        assert code == 2
        assert said in printed
        assert len(printed.strip().splitlines()) == 1
        assert "never-seen" not in printed
    assert "never-seen" not in everything(tmp_path)


def test_a_key_and_a_user_contradict_each_other_and_a_key_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOTBENCH_API_KEY", KEY)
    with pytest.raises(BackendError, match="both a key and a user in url") as caught:
        load_model(parse_model("api:toy,url=http://user:pass@host/v1"))
    assert "pass" not in str(caught.value)
    monkeypatch.setenv("MY_KEY", "two\nlines")
    with pytest.raises(BackendError, match="the key in MY_KEY has characters that no header takes"):
        load_model(parse_model("api:toy,url=http://host/v1,key_env=MY_KEY"))


def test_a_run_that_is_interrupted_ends_while_answers_are_under_way(tasks: Path, tmp_path: Path) -> None:
    def behaviour(_service: str, payload: object, _attempt: int) -> str:
        return "slow" if isinstance(payload, dict) and " 3 " in str(payload.get("prompt")) else "ok"

    with serving(behaviour=behaviour, slow=60.0) as server:
        command = [sys.executable, "-m", "harness", "run", "translate", "--tasks", str(tasks), "--out", str(tmp_path)]
        process = subprocess.Popen(
            [*command, "--model", f"api:toy,url={server.url}"], stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        while not server.faults["slow"]:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert b"the same command goes on" in said
