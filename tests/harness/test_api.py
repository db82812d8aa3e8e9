"""Models behind a server: what is asked, what is read from the answers, and parity with the same model run here."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.api import ApiEngine
from harness.engine.api_forms import (
    ApiChat,
    Writing,
    read_echoed,
    read_embeddings,
    read_prompt_logprobs,
    read_prompt_tokens,
)
from harness.engine.base import Engine
from harness.engine.models import load_model, parse_model
from harness.engine.retries import MalformedError
from harness.errors import BackendError, UserError
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.types import (
    Embed,
    EmbedResponse,
    Failed,
    Generate,
    GenerateResponse,
    LogLikelihood,
    LogLikelihoodResponse,
    Preference,
    Request,
    Response,
    RollingLogLikelihood,
)
from tests.api_server import ApiServer, Letters, Transformer, embedded, serving

TEXTS = ["ሰላም ለዓለም", "السلام عليكم", "မင်္ဂလာပါ", "สวัสดีชาวโลก", "こんにちは世界", "ߌ ߣߌ߫ ߛߐ߲߬ߜߐ߫", "🦁🌍 hi", "a\u2028b"]


def engine(server: ApiServer, options: str = "") -> ApiEngine:
    loaded = load_model(parse_model(f"api:toy,url={server.url},backoff=0.01,retries=2{options}"))
    assert isinstance(loaded, ApiEngine)
    return loaded


def payloads(server: ApiServer, service: str) -> list[dict[str, object]]:
    return [dict(payload) for asked, payload, _ in server.asked if asked == service]


def test_text_is_asked_for_and_cut_at_the_stops() -> None:
    with serving() as server:
        own = engine(server)
        known = len(server.asked)
        requests = [Generate(prompt=f"say\n{text}", until=("\n", "", "።"), max_tokens=9) for text in TEXTS]
        texts = [found.text for found in own.answer(requests) if isinstance(found, GenerateResponse)]
        assert texts == [text[::-1] for text in TEXTS]
        asked = sorted(payloads(server, "/completions")[known - 1 :], key=lambda one: str(one["prompt"]))
        wanted = {"model": "toy", "max_tokens": 9, "temperature": 0.0, "stop": ["\n", "።"]}
        assert asked == [{**wanted, "prompt": prompt} for prompt in sorted(one.prompt for one in requests)]
        own.close()


def test_sampling_says_how_and_every_answer_has_a_seed_of_its_own() -> None:
    with serving() as server:
        own = engine(server)
        requests = [
            Generate(prompt="x", temperature=0.7, top_p=0.9, top_k=20, seed=5, sample=sample) for sample in range(4)
        ]
        own.answer(requests)
        asked = [one for one in payloads(server, "/completions") if one["temperature"]]
        assert {(one["temperature"], one["top_p"], one["top_k"]) for one in asked} == {(0.7, 0.9, 20)}
        seeds = {one["seed"] for one in asked}
        assert len(seeds) == 4
        assert 5 in seeds
        again = engine(server)
        again.answer(requests)
        assert {one["seed"] for one in payloads(server, "/completions") if "seed" in one} == seeds


def test_conversations_keep_their_turns_and_reasoning_is_kept_apart() -> None:
    with serving(reasoning="እያሰብኩ ነው") as server:
        own = engine(server, ',chat=true,system=ትሁት ሁን,enable_thinking=false,extra={"min_p": 0.1}')
        assert own.chat is not None
        turns = [{"role": "user", "content": "早く「犬」"}]
        prompt = own.chat.render(turns)
        begun = own.chat.render([*turns, {"role": "assistant", "content": "返"}], add_generation_prompt=False)
        found = own.answer([Generate(prompt=one, until=("\n",)) for one in (prompt, begun, '[{"role": "user"}]')])
        assert found[0] == GenerateResponse(text="」犬「く早", reasoning="እያሰብኩ ነው")
        asked = {json.dumps(one["messages"]): one for one in payloads(server, "/chat/completions")}
        begun_turns = [*turns, {"role": "assistant", "content": "返"}]
        first, second = asked[json.dumps(turns)], asked[json.dumps(begun_turns)]
        bare = [{"role": "system", "content": "ትሁት ሁን"}, {"role": "user", "content": '[{"role": "user"}]'}]
        assert json.dumps(bare) in asked  # of a task without prompts
        assert second["continue_final_message"] is True
        assert "continue_final_message" not in first
        assert first["chat_template_kwargs"] == {"enable_thinking": False}
        assert first["min_p"] == 0.1
        assert own.requests_answered() == {Generate}
        assert "ትሁት ሁን" in own.chat.name
        assert own.identity["extra"] == '{"min_p": 0.1}'


def test_a_declared_rule_leaves_what_the_server_has_divided() -> None:
    with serving(reasoning="hm") as server:
        own = load_model(parse_model(f"api:toy,url={server.url},chat=true,think_end=</think>"))
        assert own.chat is not None
        found = own.answer([Generate(prompt=own.chat.render([{"role": "user", "content": "ab"}]), until=("\n",))])
        assert found == [GenerateResponse(text="ba", reasoning="hm")]


@pytest.mark.parametrize("takes", ["echo", "prompt_logprobs"])
def test_log_probabilities_in_every_form(takes: str) -> None:
    with serving(Letters(bos=True), takes=[takes]) as server:
        own = engine(server)
        given = {text: (value, top) for text, value, top in server.model.tokens("where is Accra in Ghana")}
        found = own.answer(
            [
                LogLikelihood(context="where is Accra ", continuation="in Ghana"),
                Preference(prompt="?", context="where is Accra", completion=" in Ghana"),
                RollingLogLikelihood(text="where is Accra in Ghana"),
            ]
        )
        scored = [given[" in"], given[" Ghana"]]
        total = sum(value for value, _ in scored if value is not None)
        greedy = all(value is not None and top is not None and value >= max(top.values()) for value, top in scored)
        assert found[0] == LogLikelihoodResponse(logprob=total, is_greedy=greedy, tokens=2)
        assert found[1] == found[0]
        rolled = found[2]
        assert isinstance(rolled, LogLikelihoodResponse)
        assert rolled.logprob == pytest.approx(sum(value for value, _ in given.values() if value is not None))
        assert rolled.tokens == 5


def test_a_token_on_both_sides_of_the_boundary_is_the_contexts_as_in_lm_eval() -> None:
    with serving(Letters("ab", "c", "a", bos=True)) as server:  # "a" alone is a token, and so is "ab"
        own = engine(server)
        both = own.answer([LogLikelihood(context="a", continuation="bc"), LogLikelihood(context="a", continuation="b")])
        values = {text: value for text, value, _ in server.model.tokens("abc")}
        assert isinstance(both[0], LogLikelihoodResponse)
        assert both[0].logprob == values["c"]
        assert both[0].tokens == 1
        assert isinstance(both[1], Failed)  # nothing is left of it, and a probability of 1 would be made up


@pytest.fixture(scope="module")
def beginning_model(tiny_causal_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small causal model with a tokenizer that puts ``<s>`` before every text, as Llama's does."""
    import transformers
    from tokenizers.processors import TemplateProcessing

    folder = tmp_path_factory.mktemp("beginning") / "model"
    shutil.copytree(tiny_causal_model, folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.bos_token_id)]
    )
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("model", "takes"),
    [("tiny_causal_model", "echo"), ("beginning_model", "echo"), ("beginning_model", "prompt_logprobs")],
)
def test_text_and_log_probabilities_are_those_of_the_same_model_run_here(
    request: pytest.FixtureRequest, model: str, takes: str
) -> None:
    folder: Path = request.getfixturevalue(model)
    local = load_model(parse_model(f"hf:{folder}"))
    scored: list[Request] = [LogLikelihood(context="", continuation=text) for text in TEXTS]
    scored += [RollingLogLikelihood(text=text) for text in TEXTS]
    scored += [LogLikelihood(context=one, continuation=f" {two}") for one, two in itertools.pairwise(TEXTS)]
    scored += [LogLikelihood(context=f"{text}  ", continuation="བོད") for text in TEXTS]
    written: list[Request] = [Generate(prompt=text, until=("e", "\n"), max_tokens=12) for text in TEXTS]
    with serving(Transformer(folder), takes=[takes]) as server:
        own = engine(server, ",bos=<s>")
        for mine, other in zip(own.answer(scored), answered(local, scored), strict=True):
            assert isinstance(mine, LogLikelihoodResponse)
            assert isinstance(other, LogLikelihoodResponse)
            assert mine.logprob == pytest.approx(other.logprob, abs=2e-4)
            assert (mine.is_greedy, mine.tokens) == (other.is_greedy, other.tokens)
        assert own.answer(written) == answered(local, written)


def answered(local: Engine, requests: list[Request]) -> list[Response]:
    """The answers of a model run here, in the order of the requests."""
    found: dict[int, Response] = {}
    for batch in local.plan(requests):
        found.update(zip(batch, local.answer([requests[place] for place in batch]), strict=True))
    return [found[place] for place in range(len(requests))]


LEAVES = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=3)
FIELDS = [
    *("choices", "text", "message", "content", "reasoning", "finish_reason", "usage", "prompt_tokens", "data", "index"),
    *("embedding", "logprobs", "tokens", "token_logprobs", "top_logprobs", "prompt_logprobs", "rank", "logprob", "7"),
]
ANSWERS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(FIELDS), ANSWERS, max_size=4), st.lists(ANSWERS, min_size=1, max_size=2))
def test_an_answer_of_any_form_is_read_or_malformed(answer: dict[str, object], inner: list[object]) -> None:
    chat = ApiChat(system="", multiturn=True)
    readers: list[Callable[[dict[str, object]], object]] = [
        lambda found: Writing(model="m", chat=None, extra={}).read(found, ("\n",)),
        lambda found: Writing(model="m", chat=chat, extra={}).read(found, ("\n",)),
        lambda found: read_echoed(found, 1),
        read_prompt_logprobs,
        read_prompt_tokens,
        lambda found: read_embeddings(found, 1),
    ]
    for found in (answer, {**answer, "choices": inner}, {**answer, "data": inner}):
        for reader in readers:
            with contextlib.suppress(MalformedError):
                str(reader(found)).encode("utf-8")  # what is read can be written


def test_half_a_character_is_replaced() -> None:
    found = Writing(model="m", chat=None, extra={}).read({"choices": [{"text": "ሰ\ud83d"}]}, ())
    assert found == GenerateResponse(text="ሰ\ufffd")


def test_embeddings_keep_their_order_and_options() -> None:
    with serving() as server:
        own = engine(server, ",embeddings=true,query_prompt=ጥያቄ: ,truncate_dim=4,normalize=true")
        found = own.answer([Embed(text=f"{text}{turn}", side="query") for turn in range(5) for text in TEXTS])
        vectors = [one.vectors for one in found if isinstance(one, EmbedResponse)]
        wanted = [embedded(f"ጥያቄ: {text}{turn}")[:4] for turn in range(5) for text in TEXTS]
        lengths = np.linalg.norm(np.array(wanted), axis=1, keepdims=True)
        assert np.allclose(vectors, np.array(wanted) / lengths, atol=1e-6)
        assert own.requests_answered() == {Embed}
        assert not own.covers(Embed(text="x", pooling=("mean",)))


def test_a_text_that_a_server_refuses_does_not_fail_its_neighbours() -> None:
    def behaviour(service: str, payload: object, attempt: int) -> str:
        return "400" if isinstance(payload, dict) and "long" in payload.get("input", ()) else "ok"

    with serving(behaviour=behaviour) as server:
        found = engine(server, ",embeddings=true").answer([Embed(text=text) for text in ["a", "long", "b"]])
    assert [type(one) for one in found] == [EmbedResponse, Failed, EmbedResponse]


def test_the_identity_is_the_models_and_the_users_word_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [{"id": "toy", "root": "org/toy-v2", "max_model_len": 4096, "created": 17, "meta": {"n_params": 7}}]
    with serving(listed=listed) as server:
        plain = engine(server).identity
        assert json.loads(plain["server"]) == {"root": "org/toy-v2", "max_model_len": 4096, "meta": {"n_params": 7}}
        assert plain["url"] == server.url
        named = engine(server, ",revision=abc123,concurrency=3").identity
        assert "url" not in named
        assert named["revision"] == "abc123"
        monkeypatch.setenv("A_KEY", "abc")
        assert engine(server, ",concurrency=2,timeout=9,key_env=A_KEY").identity == plain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("chat=true,embeddings=true", "are two services"),
        ("system=x", "system means nothing without chat=true; add it"),
        ("truncate_dim=3", "truncate_dim means nothing without embeddings=true; add it"),
        ("stop=never", "stop must be server or client, found 'never'"),
        ("extra=[1]", r"extra must be a JSON object such as \{\"top_k\": 20\}, found \[1\]"),
        ("retries=many", "retries must be a whole number from 0, found 'many'"),
        ("timeout=0", "timeout must be seconds above 0, found '0'"),
        ("concurency=3", r"unknown option 'concurency' \(did you mean 'concurrency'\?\)"),
        ("key_env=no-name", "key_env must name an environment variable, in capital letters"),
        ("key_env=GLOTBENCH_NO_SUCH", r"the environment variable GLOTBENCH_NO_SUCH \(key_env\) is not set"),
    ],
)
def test_options_that_cannot_be_are_one_clear_line(options: str, message: str) -> None:
    with pytest.raises(BackendError, match=message) as caught:
        load_model(parse_model(f"api:toy,url=http://127.0.0.1:9/v1,{options}"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["", ",url=localhost:8000", ",url=ftp://host/v1", ",url=http://host:port/v1"])
def test_an_address_is_needed(url: str) -> None:
    with pytest.raises(BackendError, match=r"write http://HOST:PORT/v1|add url=http://HOST:PORT/v1"):
        load_model(parse_model(f"api:toy{url}"))


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (
            "401",
            "HTTP 401: .*; put the key into the environment variable GLOTBENCH_API_KEY, or name yours with key_env",
        ),
        ("403", "HTTP 403"),
        ("404", "HTTP 404: .*; the address ends where /completions and /chat/completions begin, as http://HOST/v1"),
        ("503", r"HTTP 503: .* \(3 attempts\)"),
        ("close", r"the server closed the connection .* \(3 attempts\)"),
    ],
)
def test_a_server_that_cannot_be_used_is_one_clear_line(behaviour: str, message: str) -> None:
    with serving(behaviour=lambda *_: behaviour) as server, pytest.raises(BackendError, match=message) as caught:
        engine(server)
    assert "\n" not in str(caught.value)
    assert server.url in str(caught.value)


def test_a_model_that_the_server_does_not_have_is_named_with_those_it_has() -> None:
    def behaviour(service: str, *_: object) -> str:
        return "ok" if service == "/models" else "404"

    with (
        serving(behaviour=behaviour, listed=[{"id": "toy-7b"}, {"id": "other"}]) as server,
        pytest.raises(BackendError, match=r"it lists toy-7b, other \(did you mean 'toy-7b'\?\)"),
    ):
        engine(server)


def test_a_server_that_says_that_it_cannot_echo_is_believed_at_once() -> None:
    def behaviour(service: str, payload: Mapping[str, object], attempt: int) -> str:
        return "500 Only no echo is supported" if "echo" in payload else "ok"

    with serving(behaviour=behaviour) as server:  # as llama-server says it
        own = engine(server)
        assert own.requests_answered() == {Generate}
        assert "HTTP 500: Only no echo is supported" in own.why_not(frozenset({LogLikelihood}))
        assert server.faults["500 Only no echo is supported"] == 1


@pytest.mark.parametrize(
    ("options", "why"), [("", "the server at .* gives no log-probabilities"), (",chat=true", "chat=true gives")]
)
def test_a_server_without_log_probabilities_is_not_scored_with(tmp_path: Path, options: str, why: str) -> None:
    (tmp_path / "bits.yaml").write_text(
        "task: bits\nkind: perplexity\ndataset: {files: '{lang}.tsv', key: id}\nlanguages: [amh_Ethi]\n"
        "metrics: [bits_per_byte]\n",
        encoding="utf-8",
    )
    (tmp_path / "amh_Ethi.tsv").write_text("id\ttext\n1\tጀልባው ጎህ ሲቀድ ይነሳል።\n", encoding="utf-8")
    with serving(takes=()) as server:
        assert engine(server, options).requests_answered() == {Generate}
        plan = RunPlan(
            tasks=load_tasks(["bits"], [tmp_path]),
            models=[parse_model(f"api:toy,url={server.url}{options}")],
            out=tmp_path / "out",
        )
        with pytest.raises(UserError, match=f"cannot answer task bits: {why}") as caught:
            run(plan, lambda *_: None)
    assert "\n" not in str(caught.value)
