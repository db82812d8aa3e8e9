"""The same lm-eval YAML through ``simple_evaluate`` with HFLM and through our runner: the same numbers.

Multiple choice, log-likelihood, rolling log-likelihood and generation, zero- and five-shot, with and without a chat
template; float32 on CPU. Scores that count (accuracies, exact match) must be equal, those that average
log-likelihoods within 1e-5 of a log-likelihood a token.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from harness.engine.models import parse_model
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks.base import Selection

TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
ROWS = [
    ("ውሃ ምን ዓይነት ነው?", ["ፈሳሽ", "ድንጋይ", "እሳት"], 0),
    ("ما لون السماء؟", ["أخضر", "أزرق", "أحمر"], 1),
    ("မိုးရွာသောအခါ ဘာသုံးသလဲ။", ["ထီး", "ဖိနပ်", "စာအုပ်"], 0),
    ("แมวชอบกินอะไร", ["หิน", "ปลา", "ไม้"], 1),
    ("雪は何色ですか。", ["黒", "赤", "白"], 2),
    ("ߖߌ ߦߋ߫ ߡߎ߲߬ ߘߌ߫؟", ["ߖߌ", "ߕߊ", "ߞߎߙߎ"], 0),
    ("Which one flies? 🐦", ["🐟", "🐦", "🐢"], 1),
    ("Kí ni a fi ń jẹun?", ["ẹnu", "ẹsẹ̀", "etí"], 0),
    ("Какой сегодня день?", ["вчера", "завтра", "сегодня"], 2),
    ("¿Dónde nadan los peces?", ["en el agua", "en el aire", "en la arena"], 0),
    ("水は何度で凍りますか。", ["百度", "零度", "十度"], 1),
    ("Wo schläft man?", ["im Bett", "im Ofen", "im Baum"], 0),
]
COMMON = {"dataset_path": "json", "test_split": "test", "fewshot_split": "train"}
TASKS: Mapping[str, dict] = {
    "choice": {
        "output_type": "multiple_choice",
        "description": "Choose.\n\n",
        "doc_to_text": "{{question}}\nA:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "label",
        "metric_list": [{"metric": name} for name in ("acc", "acc_norm", "acc_bytes")],
    },
    "letters": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}\n{% for c in choices %}{{'ABC'[loop.index0]}}. {{c}}\n{% endfor %}Answer:",
        "doc_to_choice": ["A", "B", "C"],
        "doc_to_target": "{{label}}",
        "fewshot_config": {"sampler": "first_n"},
        "metric_list": [{"metric": "acc"}],
    },
    "last": {
        "output_type": "loglikelihood",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{choices[label]}}",
        "target_delimiter": "",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    },
    "whole": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{question}} {{choices[0]}}",
        "metric_list": [{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
    },
    "write": {
        "output_type": "generate_until",
        "doc_to_text": "{{question}}\nA:",
        "doc_to_target": "{{['none', 'e', 'none'][label]}}",  # an untrained model gets some of these right
        "generation_kwargs": {"until": ["\n", "?"], "max_gen_toks": 10, "do_sample": False},
        "filter_list": [
            {"name": "first", "filter": [{"function": "take_first"}]},
            {
                "name": "vowel",
                "filter": [
                    {"function": "regex", "regex_pattern": "([aeiou])", "fallback": "none"},
                    {"function": "take_first"},
                ],
            },
        ],
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "ignore_case": True,
                "ignore_punctuation": True,
            }
        ],
    },
}
SETTINGS = [(shots, chat) for shots in (0, 5) for chat in (False, True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lm-eval task files with their data beside them."""
    made = tmp_path_factory.mktemp("lm_eval_yaml")
    rows = [{"question": question, "choices": choices, "label": label} for question, choices, label in ROWS]
    for split, part in (("train", rows[:7]), ("test", rows[5:])):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part)
        (made / f"{split}.jsonl").write_text(text, encoding="utf-8")
    for name, config in TASKS.items():
        files = {split: str(made / f"{split}.jsonl") for split in ("train", "test")}
        written = {"task": name, **COMMON, "dataset_kwargs": {"data_files": files}, **config}
        (made / f"{name}.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def model(tiny_causal_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a chat template."""
    made = tmp_path_factory.mktemp("chatty") / "model"
    shutil.copytree(tiny_causal_model, made)
    (made / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def theirs(model: Path, folder: Path) -> dict[tuple[int, bool], dict]:
    """lm-eval's results in every setting."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(pretrained=str(model), device="cpu", batch_size=4, dtype="float32")
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    return {
        (shots, chat): lm_eval.simple_evaluate(
            model=lm,
            tasks=list(TASKS),
            num_fewshot=shots,
            apply_chat_template=chat,
            task_manager=manager,
            bootstrap_iters=0,
            log_samples=True,
        )
        for shots, chat in SETTINGS
    }


@pytest.fixture(scope="module")
def ours(model: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, bool], RunFolder]:
    """Our runs in every setting."""
    out = tmp_path_factory.mktemp("out")
    return {
        (shots, chat): RunFolder(
            run(
                RunPlan(
                    tasks=load_tasks(list(TASKS), [folder]),
                    models=[parse_model(f"hf:{model},dtype=float32,device=cpu,chat_template={str(chat).lower()}")],
                    selection=Selection(num_fewshot=shots),
                    out=out,
                ),
                lambda *_: None,
            )
        )
        for shots, chat in SETTINGS
    }


@pytest.mark.parametrize(("shots", "chat"), SETTINGS)
@pytest.mark.parametrize("task", TASKS)
def test_scores_equal_lm_eval(
    theirs: dict[tuple[int, bool], dict], ours: dict[tuple[int, bool], RunFolder], task: str, shots: int, chat: bool
) -> None:
    expected = {
        name.replace(",none", "").replace(",first", "@first").replace(",vowel", "@vowel"): value
        for name, value in theirs[shots, chat]["results"][task].items()
        if "," in name and "stderr" not in name
    }
    found = {score.metric: score.value for score in ours[shots, chat].record.scores if score.task == task}
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        tolerance = 1e-5 * value if "perplexity" in name or "bits" in name else 0
        assert found[name] == pytest.approx(value, abs=tolerance), name
    if task == "write":
        assert 0 < expected["exact_match@vowel"] < 1


@pytest.mark.parametrize(("shots", "chat"), SETTINGS)
def test_prompts_equal_lm_eval(
    theirs: dict[tuple[int, bool], dict], ours: dict[tuple[int, bool], RunFolder], shots: int, chat: bool
) -> None:
    for task in TASKS:
        key = next(score.unit_key for score in ours[shots, chat].record.scores if score.task == task)
        samples = {sample["doc_id"]: sample for sample in theirs[shots, chat]["samples"][task]}
        rows = ours[shots, chat].segments(key)
        assert len(rows) == len(samples) == 7
        for index, row in enumerate(rows):
            assert row.source == samples[index]["arguments"][0][0], (task, index)
