"""Preference tasks, and the reward models and language models that answer them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from harness.engine.base import Engine
from harness.engine.models import load_model, parse_model
from harness.errors import BackendError, DataError, SpecError
from harness.loader import load_tasks
from harness.records import RunRecord
from harness.resources import shipped_tasks
from harness.runner import RunPlan, run
from harness.store import ResponseStore, RunFolder
from harness.tasks import units
from harness.tasks.base import Selection
from harness.tasks.preference import PreferenceUnit
from harness.types import (
    Failed,
    LogLikelihood,
    LogLikelihoodResponse,
    Preference,
    Request,
    Response,
    RewardResponse,
)
from metrics import registry
from metrics.preference import PreferenceMetric

METRICS = ["preference_accuracy", "preference_accuracy_norm", "preference_accuracy_bytes"]
TEMPLATE = "{{ bos_token }}{% for turn in messages %}<{{ turn.role }}>{{ turn.content }}{{ eos_token }}{% endfor %}"
DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "amh_Ethi": [
        {"prompt": "ጀልባው መቼ ነው?", "chosen": "ጎህ ሲቀድ።", "rejected": "አላውቅም ነገር ግን እጠይቃለሁ።", "category": "Chat"},
        {"prompt": "2+2?", "chosen": "አራት ነው።", "rejected": "አምስት", "category": "Reasoning"},
    ],
    "arb_Arab": [
        {
            "prompt": "متى تغادر العبارة؟",
            "chosen": "عند الفجر.",
            "rejected": "لا أدري، لكنني سأسأل.",
            "category": "Chat",
        },
        {"prompt": "٢+٢؟", "chosen": "أربعة", "rejected": "خمسة أو ستة", "category": "Reasoning"},
    ],
    "tha_Thai": [
        {
            "prompt": "เรือออกเมื่อไร",
            "chosen": "ตอนเช้า 🦁",
            "rejected": ["ไม่รู้", "ไม่บอกเธอหรอกนะ", "ตอนเย็น"],
            "category": "Chat",
        },
        {"prompt": "2+2", "chosen": "สี่", "rejected": ["ห้า", "หก", "เจ็ด"], "category": "Reasoning"},
    ],
}


def silent(*_: object) -> None:
    pass


def answers(engine: Engine, requests: Sequence[Request]) -> list[Response]:
    found: dict[int, Response] = {}
    for batch in engine.plan(requests):
        found.update(zip(batch, engine.answer([requests[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(requests))]


def write(folder: Path, **changes: object) -> Path:
    for language, rows in DOCUMENTS.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{language}.jsonl").write_text(lines, encoding="utf-8")
    spec = {
        "task": "prefer",
        "kind": "preference",
        "dataset": {"files": "{lang}.jsonl"},
        "languages": list(DOCUMENTS),
        "metrics": METRICS,
        **changes,
    }
    path = folder / "prefer.yaml"
    path.write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    return path


def record_of(path: Path, model: str, out: Path, **selection: object) -> RunRecord:
    folder = run(
        RunPlan(
            tasks=load_tasks([str(path)], []),
            models=[parse_model(model)],
            selection=Selection(**selection),  # type: ignore[arg-type]
            out=out,
        ),
        silent,
    )
    return RunFolder(folder).record


def unit_of(path: Path, language: str) -> PreferenceUnit:
    unit = units(load_tasks([str(path)], [])[0], Selection(languages=(language,)), None)[0]
    assert isinstance(unit, PreferenceUnit)
    return unit


def save_reward_model(folder: Path, *, pad: bool = True, template: str | None = TEMPLATE, labels: int = 1) -> Path:
    """A Llama-shaped classifier with random weights over one token a byte."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    from harness.toy import byte_tokenizer

    tokenizer = byte_tokenizer()
    tokenizer.chat_template = template
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id if pad else None,
        initializer_range=0.3,
        num_labels=labels,
    )
    if not pad:
        tokenizer.pad_token = None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.model_max_length = 128
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_reward_model(tmp_path_factory.mktemp("reward"))


def pairs(language: str = "") -> list[Request]:
    return [
        Preference(prompt=row["prompt"], completion=answer, context=row["prompt"] + "\n\n", language=own)
        for own, rows in DOCUMENTS.items()
        for row in rows
        for answer in [row["chosen"], *([row["rejected"]] if isinstance(row["rejected"], str) else row["rejected"])]
        if not language or own == language
    ]


def one_at_a_time(folder: Path, ids: Sequence[Sequence[int]]) -> list[float]:
    """The logit of every row, each in a forward pass of its own, without padding or mask."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        return [float(model(input_ids=torch.tensor([list(row)])).logits[0, 0]) for row in ids]


def rewards(responses: Sequence[Response]) -> list[float]:
    assert all(isinstance(response, RewardResponse) for response in responses)
    return [response.reward for response in responses if isinstance(response, RewardResponse)]


@pytest.mark.parametrize("options", ["", ",batch_size=1", ",batch_tokens=200"])
def test_rewards_equal_one_forward_pass_a_conversation(reward_model: Path, options: str) -> None:
    """In the chat template, whose first token is not doubled; what is too long loses its beginning."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(reward_model)
    requests = [*pairs(), Preference(prompt="ረጅም ጥያቄ " * 12, completion="አጭር መልስ", context="")]
    texts = [f"<s><user>{one.prompt}</s><assistant>{one.completion}</s>" for one in requests]  # type: ignore[union-attr]
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert len(ids[-1]) > 128
    assert ids[0][:2] != [tokenizer.bos_token_id] * 2
    expected = one_at_a_time(reward_model, [row[-128:] for row in ids])
    engine = load_model(parse_model(f"reward:{reward_model},dtype=float32,device=cpu{options}"))
    assert rewards(answers(engine, requests)) == pytest.approx(expected, abs=1e-5)
    assert len({round(value, 4) for value in expected}) == len(expected)


def test_without_a_template_the_tasks_context_is_read_and_end_of_text_pads(tmp_path: Path) -> None:
    folder = save_reward_model(tmp_path / "plain", pad=False, template=None)
    engine = load_model(parse_model(f"reward:{folder},dtype=float32,device=cpu"))
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [one.context + one.completion for one in pairs() if isinstance(one, Preference)]
    expected = one_at_a_time(folder, [tokenizer(text)["input_ids"] for text in texts])
    assert rewards(answers(engine, pairs())) == pytest.approx(expected, abs=1e-5)


def test_an_encoder_reads_prompt_and_answer_as_a_pair(tmp_path: Path) -> None:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    letters = sorted({*pre_tokenizers.ByteLevel.alphabet()})
    vocabulary = {token: index for index, token in enumerate(["[PAD]", "[CLS]", "[SEP]", "[UNK]", *letters])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=256,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(tmp_path)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=256,
        initializer_range=0.5,
        num_labels=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    engine = load_model(parse_model(f"reward:{tmp_path},dtype=float32,device=cpu"))
    expected = []
    for one in pairs("arb_Arab"):
        assert isinstance(one, Preference)
        encoded = tokenizer(one.prompt, one.completion, return_tensors="pt")
        assert encoded["token_type_ids"].sum() == len(one.completion.encode()) + 1
        with torch.inference_mode():
            expected.append(float(model(**encoded).logits[0, 0]))
    assert rewards(answers(engine, pairs("arb_Arab"))) == pytest.approx(expected, abs=1e-5)


def test_another_template_is_another_model(reward_model: Path, tmp_path: Path) -> None:
    other = save_reward_model(tmp_path / "other", template=TEMPLATE.replace("<", "["))
    first, second = (
        load_model(parse_model(f"reward:{folder},device=cpu")).identity for folder in (reward_model, other)
    )
    assert {key for key in first if first[key] != second[key]} >= {"chat_template"}


def test_models_that_are_no_reward_models_are_refused(tmp_path: Path, tiny_causal_model: Path) -> None:
    several = save_reward_model(tmp_path / "several", labels=3)
    with pytest.raises(BackendError, match="has 3 outputs; a reward model has one"):
        load_model(parse_model(f"reward:{several}"))
    headless = tmp_path / "headless"
    headless.mkdir()
    for file in tiny_causal_model.iterdir():
        (headless / file.name).write_bytes(file.read_bytes())
    config = json.loads((headless / "config.json").read_text(encoding="utf-8"))
    (headless / "config.json").write_text(
        json.dumps({**config, "num_labels": 1, "id2label": {"0": "x"}, "label2id": {"x": 0}})
    )
    with pytest.raises(BackendError, match=r"not a reward model: score\.weight would be random"):
        load_model(parse_model(f"reward:{headless}"))
    broken = save_reward_model(tmp_path / "broken", template="{{ raise_exception('no roles') }}")
    with pytest.raises(BackendError, match="chat template cannot be used: no roles"):
        load_model(parse_model(f"reward:{broken}"))
    with pytest.raises(BackendError, match="cannot be loaded"):
        load_model(parse_model("reward:/no/such/folder"))
    with pytest.raises(BackendError, match="did you mean 'batch_size'"):
        load_model(parse_model(f"reward:{several},batchsize=2"))


def test_a_reward_models_preferences(reward_model: Path, tmp_path: Path) -> None:
    """One score a language: a reward has no length to be divided by. Run again, nothing is computed."""
    path = write(tmp_path)
    model = f"reward:{reward_model},name=judge,dtype=float32,device=cpu"
    record = record_of(path, model, tmp_path / "out")
    assert {score.metric for score in record.scores} == {"preference_accuracy"}
    engine = load_model(parse_model(model))
    for score in record.scores:
        found = iter(rewards(answers(engine, pairs(score.language))))
        won = []
        for row in DOCUMENTS[score.language]:
            others = len(row["rejected"]) if isinstance(row["rejected"], list) else 1
            chosen, rejected = next(found), [next(found) for _ in range(others)]
            won.append(chosen > max(rejected))
        assert score.value == np.mean(won)
        assert score.chance == (0.25 if score.language == "tha_Thai" else 0.5)
    assert record_of(path, model, tmp_path / "out").stages[0].computed == 0


def test_a_language_model_scores_answers_by_log_probability(tiny_causal_model: Path, tmp_path: Path) -> None:
    engine = load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu"))
    plain = [
        LogLikelihood(context=one.context, continuation=one.completion)
        for one in pairs()
        if isinstance(one, Preference)
    ]
    asked, expected = answers(engine, pairs()), answers(engine, plain)
    assert asked == expected
    record = record_of(write(tmp_path), f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu", tmp_path / "out")
    assert {score.metric for score in record.scores} == set(METRICS)
    sums = [found.logprob for found in expected if isinstance(found, LogLikelihoodResponse)]
    arabic = next(score for score in record.scores if (score.language, score.metric) == ("arb_Arab", METRICS[0]))
    assert arabic.value == np.mean([sums[4] > sums[5], sums[6] > sums[7]])


def test_lengths_are_of_the_bare_answer(tmp_path: Path) -> None:
    """echo: a byte costs one nat. Per byte everything ties; the sum and per character, the shorter one wins."""
    record = record_of(write(tmp_path), "echo:x", tmp_path / "out")
    found = {(score.language, score.metric): score.value for score in record.scores}
    ethiopic, thai = DOCUMENTS["amh_Ethi"], DOCUMENTS["tha_Thai"]
    assert found["amh_Ethi", "preference_accuracy_bytes"] == 0.5
    assert found["tha_Thai", "preference_accuracy_bytes"] == 0.25
    shorter = [len(row["chosen"].encode()) < len(row["rejected"].encode()) for row in ethiopic]
    assert found["amh_Ethi", "preference_accuracy"] == np.mean(shorter) == 0.5
    rates = [[len(text.encode()) / len(text) for text in (row["chosen"], *row["rejected"])] for row in thai]
    won = [
        rate[0] < min(rate[1:]) or sum(one == rate[0] for one in rate) ** -1 * (rate[0] == min(rate)) for rate in rates
    ]
    assert found["tha_Thai", "preference_accuracy_norm"] == pytest.approx(np.mean(won))


def test_ties_are_shared() -> None:
    metric = registry.create("preference_accuracy")
    assert isinstance(metric, PreferenceMetric)
    scores = [[2.0, 1.0], [1.0, 2.0], [1.0, 1.0], [3.0, 3.0, 3.0, 1.0], [1.0, 3.0, 3.0], [0.0, -1.0, -2.0]]
    assert metric.score_stats(scores)[:, 0].tolist() == [1.0, 0.0, 0.5, pytest.approx(1 / 3), 0.0, 1.0]


def test_an_answer_longer_than_the_model_fails_its_item(tiny_causal_model: Path, tmp_path: Path) -> None:
    path = write(tmp_path, languages=["arb_Arab"], metrics=["preference_accuracy"])
    rows = [*DOCUMENTS["arb_Arab"], {"prompt": "؟", "chosen": "نعم", "rejected": "لا " * 300, "category": "Chat"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "arb_Arab.jsonl").write_text(lines, encoding="utf-8")
    score = record_of(path, f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu", tmp_path / "out").scores[0]
    assert (score.n, score.n_failed) == (2, 1)
    unit = unit_of(path, "arb_Arab")
    outcome = unit.outcome(
        [], [RewardResponse(reward=float(index)) for index in range(5)] + [Failed(reason="too long")]
    )
    assert outcome.rows[2].failed == "too long"
    assert [row.hypothesis for row in outcome.rows] == [rows[0]["rejected"], rows[1]["rejected"], None]


def test_prompts_and_chats_write_the_context(tmp_path: Path) -> None:
    prompts = {"asked": {"doc_to_text": "{{lang}}: {{prompt}}", "target_delimiter": " -> "}}
    unit = unit_of(write(tmp_path, prompts=prompts), "amh_Ethi")
    plain, plain_hash = unit.requests()[0], unit.prompt_hash()
    assert plain == Preference(
        prompt="ጀልባው መቼ ነው?", completion="ጎህ ሲቀድ።", context="amh_Ethi: ጀልባው መቼ ነው? -> ", language="amh_Ethi"
    )

    class Said:
        name, system, multiturn = "said", "በአጭሩ", True

        def render(self, messages: Sequence[Any], add_generation_prompt: bool = True) -> str:
            turns = "".join(f"[{turn['role']}] {turn['content']} " for turn in messages)
            return turns + "[assistant] " * add_generation_prompt

    unit.chat = Said()
    chat = unit.requests()[0]
    assert isinstance(chat, Preference)
    assert chat.context == "[system] በአጭሩ [user] amh_Ethi: ጀልባው መቼ ነው? [assistant] "
    assert unit.prompt_hash() != plain_hash
    unit = unit_of(write(tmp_path), "amh_Ethi")
    bare = unit.requests()[0]
    assert isinstance(bare, Preference)
    assert bare.context == "ጀልባው መቼ ነው?\n\n"


def test_subsets_are_variants(tmp_path: Path) -> None:
    variants = {name.lower(): {"dataset": {"where": {"category": name}}} for name in ("Chat", "Reasoning")}
    record = record_of(write(tmp_path, variants=variants, metrics=["preference_accuracy"]), "echo:x", tmp_path / "out")
    assert {(score.variant, score.language, score.n) for score in record.scores} == {
        (variant, language, 1) for variant in variants for language in DOCUMENTS
    }


def test_rewards_are_stored_exactly(tmp_path: Path) -> None:
    value = RewardResponse(reward=-0.1234567890123456)
    with ResponseStore(tmp_path / "responses.sqlite") as store:
        store.put([("key", value)])
        assert store.get(["key"]) == {"key": value}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": {"files": "{lang}.tsv", "columns": ["prompt", "chosen"]}}, "preference reads the columns prompt"),
        ({"metrics": ["acc"]}, "acc does not fit kind preference; these do: preference_accuracy"),
        ({"num_fewshot": 1}, "kind preference has no few-shot examples"),
        ({"prompts": {"p": {"doc_to_text": "{{promt | upper2}}"}}}, "unknown filter 'upper2'"),
        ({"prompts": {"p": {"doc_to_text": "x", "generation_kwargs": {"until": ["x"]}}}}, "generates nothing"),
    ],
)
def test_mistakes_in_a_task_file(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError) as error:
        load_tasks([str(write(tmp_path, **changes))], [])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "?", "chosen": "ߐ߲߬ߐ߲߬ߐ߲߫", "rejected": []}, "item 1: 'rejected' is an empty list"),
        ({"prompt": "?", "chosen": "ߐ߲߬ߐ߲߬ߐ߲߫", "rejectd": "x"}, r"no column 'rejected' \(did you mean 'rejectd'\?\)"),
    ],
)
def test_mistakes_in_the_data(tmp_path: Path, row: dict[str, object], message: str) -> None:
    path = write(tmp_path)
    (tmp_path / "amh_Ethi.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        unit_of(path, "amh_Ethi").requests()


def test_m_rewardbench_is_read_from_a_mirror_of_the_hub(tmp_path: Path) -> None:
    """A configuration a language, one Parquet file; variants are its categories, code apart from mathematics."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "CohereLabsCommunity" / "multilingual-reward-bench" / "arb_Arab"
    folder.mkdir(parents=True)
    subsets = [
        ("alpacaeval-easy", "Chat"),
        ("llmbar-natural", "Chat Hard"),
        ("donotanswer", "Safety"),
        ("math-prm", "Reasoning"),
        ("hep-go", "Reasoning"),
        ("hep-rust", "Reasoning"),
    ]
    rows = [
        {"id": index, "language": "arb_Arab", "prompt": f"سؤال {index}", "chosen": "نعم", "rejected": "لا أعرف شيئا"}
        | {"chosen_model": "a", "rejected_model": "b", "source": source, "category": category}
        for index, (source, category) in enumerate(subsets)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "test-00000-of-00001.parquet")
    task = load_tasks(["m_rewardbench"], [shipped_tasks()])[0]
    assert len(task.spec.languages) == 23
    asked = {
        unit.variant: [str(request.prompt) for request in unit.requests() if isinstance(request, Preference)][::2]
        for unit in units(task, Selection(languages=("arb_Arab",)), tmp_path)
    }
    assert asked == {
        "chat": ["سؤال 0"],
        "chat_hard": ["سؤال 1"],
        "safety": ["سؤال 2"],
        "reasoning_math": ["سؤال 3"],
        "reasoning_code": ["سؤال 4", "سؤال 5"],
    }
