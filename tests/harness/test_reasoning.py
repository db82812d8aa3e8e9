"""Models that think: the declared rule is lm-eval's, what it takes off is kept, and what never ends is told."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.models import load_model, parse_model
from harness.engine.reasoning import divided
from harness.errors import BackendError
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import ResponseStore, RunFolder, RunWriter, SegmentRow
from harness.types import Generate, GenerateResponse, LogLikelihood, RollingLogLikelihood
from leaderboard.site import build
from tests.harness.accepted import accept
from tests.leaderboard_runs import record_of, score

END = "</think>"
THOUGHTS = ["ማሰብ 🦁", "تفكير \u200f", "စဉ်းစား", " \n", "ߤߊߞߟߌ", "考える。\u3000", "<think>", "</think", END, ""]
WITH_THOUGHTS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<think>{{ enable_thinking }}"


@settings(deadline=None)
@given(st.lists(st.sampled_from(THOUGHTS), max_size=8).map("".join), st.sampled_from([END, "။", "</think"]))
def test_the_rule_is_lm_evals(text: str, end: str) -> None:
    from lm_eval.models.utils import postprocess_generated_text

    found = divided(text, end)
    assert found.text == postprocess_generated_text(text, None, end)
    assert (found.reasoning != "") == (end in text)
    assert found.reasoning + found.text == (text if end in text else text.lstrip())


@pytest.mark.parametrize("until", [(), ("e",)])
def test_answers_equal_those_of_lm_eval(tiny_causal_model: Path, until: tuple[str, ...]) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    prompts = ["ሰላም", "مرحبا", "สวัสดี", "こんにちは", "ߊߟߎ߫ ߣߌ߫", "hi 🦁"]
    plain = load_model(parse_model(f"hf:{tiny_causal_model}"))
    requests = [Generate(prompt=prompt, until=until, max_tokens=24) for prompt in prompts]
    texts = [found.text for found in plain.answer(requests) if isinstance(found, GenerateResponse)]
    # A character that an untrained model happens to write in some of its answers, and not in all.
    end = max("".join(texts).replace("e", ""), key=lambda mark: min(n := sum(mark in one for one in texts), 6 - n))
    lm = HFLM(pretrained=str(tiny_causal_model), device="cpu", batch_size=1, dtype="float32", think_end_token=end)
    arguments = {"until": list(until), "max_gen_toks": 24, "do_sample": False}
    theirs = lm.generate_until(
        [
            Instance(request_type="generate_until", doc={}, arguments=(prompt, dict(arguments)), idx=0)
            for prompt in prompts
        ],
        disable_tqdm=True,
    )
    engine = load_model(parse_model(f"hf:{tiny_causal_model},think_end={end}"))
    found = [one for one in engine.answer(requests) if isinstance(one, GenerateResponse)]
    assert [one.text for one in found] == theirs
    assert 0 < sum(bool(one.reasoning) for one in found) < len(found)
    assert engine.identity == {**plain.identity, "think_end": end}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "chat_template=true,enable_thinking=true",
            "enable_thinking=true needs the rule that ends the reasoning",
        ),
        ("think_end=", "think_end is empty; write what the model ends its reasoning with"),
        ("think_end=104", "think_end=104: write the text that reasoning ends with; token 104 is '.+'"),
        ("think_end=99999999", "think_end=99999999: write the text that reasoning ends with$"),
        ("enable_thinking=false", "enable_thinking means nothing without chat_template=true; add it"),
        ("chat_template=true,enable_thinking=no", "enable_thinking must be true or false, found 'no'"),
    ],
)
def test_rules_that_cannot_be_are_one_clear_line(tiny_causal_model: Path, options: str, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        load_model(parse_model(f"hf:{tiny_causal_model},{options}"))


def test_an_end_that_is_no_text_is_refused(tiny_causal_model: Path, tiny_sentence_model: Path) -> None:
    from transformers import AutoTokenizer

    special = AutoTokenizer.from_pretrained(tiny_causal_model).eos_token
    with pytest.raises(BackendError, match="is a special token, which is no part of a text"):
        load_model(parse_model(f"hf:{tiny_causal_model},think_end={special}"))
    with pytest.raises(BackendError, match="think_end means nothing here, no text is written; leave it out"):
        load_model(parse_model(f"st:{tiny_sentence_model},think_end={END}"))


def test_the_template_is_told_whether_to_think(chatty: Path, caplog: pytest.LogCaptureFixture) -> None:
    said = {}
    for thinking in ("", ",enable_thinking=true", ",enable_thinking=false"):
        rule = f",think_end={END}" if "true" in thinking else ""
        engine = load_model(parse_model(f"hf:{chatty},chat_template=true{thinking}{rule}"))
        assert engine.chat is not None
        said[thinking] = engine.chat.render([{"role": "user", "content": "ሰላም"}]), engine.chat.name
        answers = engine.requests_answered()
        assert (LogLikelihood in answers) == ("true" not in thinking), "the answer does not follow the prompt"
        assert {Generate, RollingLogLikelihood} <= answers
    assert [text for text, _ in said.values()] == [f"<|user|>ሰላም<think>{told}" for told in ("", "True", "False")]
    assert len({name for _, name in said.values()}) == 3, "another conversation is another prompt"
    assert caplog.text.count("its chat template speaks of <think>") == 1, "where nothing is said of it"


@pytest.fixture
def chatty(tiny_causal_model: Path, tmp_path: Path) -> Path:
    import shutil

    shutil.copytree(tiny_causal_model, tmp_path / "chatty")
    (tmp_path / "chatty" / "chat_template.jinja").write_text(WITH_THOUGHTS, encoding="utf-8")
    return tmp_path / "chatty"


def test_responses_are_stored_with_what_was_taken_off(tmp_path: Path) -> None:
    kept = GenerateResponse(text="መልስ\ud800", reasoning="ማሰብ\n</think> ")
    with ResponseStore(tmp_path / "store.sqlite") as store:
        store.put([("thought", kept), ("plain", GenerateResponse(text="မင်္ဂလာပါ"))])
        # As it was stored before there was any reasoning.
        store._insert("responses", [("old", "generate", "こんにちは".encode())])
        found = store.get(["thought", "plain", "old"])
    assert found == {
        "thought": kept,
        "plain": GenerateResponse(text="မင်္ဂလာပါ"),
        "old": GenerateResponse(text="こんにちは"),
    }


def test_a_run_keeps_reasoning_and_tells_what_never_ended(tmp_path: Path) -> None:
    """A program that thinks aloud in every line but the second; resumed, the record says the same."""
    sentences = {
        "eng_Latn": ["water", "bread", "moon"],
        "amh_Ethi": ["ውሃ", "ዳቦ", "ጨረቃ"],
        "tha_Thai": ["น้ำ", "ขนมปัง", "ดวงจันทร์"],
    }
    for language, texts in sentences.items():
        rows = "".join(f"{index}\t{text}\n" for index, text in enumerate(texts))
        (tmp_path / f"{language}.tsv").write_text("id\ttext\n" + rows, encoding="utf-8")
    spec = {
        "task": "translate",
        "kind": "translation",
        "dataset": {"files": "{lang}.tsv", "key": "id"},
        "languages": list(sentences),
        "directions": "eng-xx",
        "metrics": ["chrf++"],
    }
    (tmp_path / "translate.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    plan = RunPlan(
        tasks=load_tasks(["translate"], [tmp_path]),
        models=[parse_model(f"command:sed -e '2!s|^|ማሰብ{END} |',name=thinker,think_end={END}")],
        out=tmp_path / "out",
    )
    for _ in range(2):
        folder = RunFolder(run(plan, lambda *_: None))
        for language in ("amh_Ethi", "tha_Thai"):
            rows_found = folder.segments(("thinker", "translate", "", "", f"eng_Latn-{language}"))
            assert [row.hypothesis for row in rows_found] == sentences["eng_Latn"]
            assert [row.reasoning for row in rows_found] == [f"ማሰብ{END} ", None, f"ማሰብ{END} "]
        assert folder.record.notes == (
            "thinker: 2 of 6 answers to task translate never ended their reasoning (no '</think>'); they are scored as "
            "a whole",
        )


def test_runs_from_before_open_and_pages_show_reasoning_folded(tmp_path: Path) -> None:
    unit = ("a", "t", "", "", "amh_Ethi")
    rows = [
        SegmentRow(segment=str(index), cluster="c", source="x", references=("y",), hypothesis="ዝ", reasoning=thought)
        for index, thought in enumerate(["<b>ማሰብ</b></think>", None])
    ]
    writer = RunWriter(tmp_path / "run")
    writer.add_unit(unit, rows, {})
    writer.finish(record_of(score("a", "amh_Ethi", 1.0)))
    assert RunFolder(tmp_path / "run").segments(unit) == rows
    build([tmp_path / "run"], tmp_path / "site")
    (page,) = (tmp_path / "site").glob("s/*.html")
    text = page.read_text(encoding="utf-8")
    assert text.count("<summary>Reasoning</summary>") == 1
    assert "&lt;b&gt;ማሰብ&lt;/b&gt;" in text
    table = pq.read_table(tmp_path / "run" / "segments.parquet")
    pq.write_table(table.drop_columns(["reasoning"]), tmp_path / "run" / "segments.parquet")
    accept(tmp_path / "run" / "segments.parquet")
    assert [row.reasoning for row in RunFolder(tmp_path / "run").segments(unit)] == [None, None]
