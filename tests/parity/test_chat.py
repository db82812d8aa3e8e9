"""Conversations as lm-eval's HFLM writes them: system prompts, turns, templates that refuse or change what they get.

The same rows through ``simple_evaluate`` with HFLM and through our units: equal prompts, and equal log-probabilities.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.engine.models import load_model, parse_model
from harness.loader import load_tasks
from harness.tasks import units
from harness.tasks.base import Selection
from harness.types import Generate, LogLikelihood, LogLikelihoodResponse

# No system role, turns in strict alternation, white space around a turn is lost: as Gemma's.
STRICT = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<start>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}<end>\n{% endfor %}"
    "{% if add_generation_prompt %}<start>model\n{% endif %}"
)
# Any role, and a thought that the template itself leaves empty: as Qwen's.
MARKED = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% if enable_thinking is defined and not enable_thinking %}"
    "<think></think>{% endif %}{% endif %}"
)
TEMPLATES = {"strict": STRICT, "marked": MARKED}
SYSTEM = "በአጭሩ መልስ።"
PAIRS = [
    ("water", "ውሃ"),
    ("the moon 🌙", "ጨረቃ"),
    ("bread", "ዳቦ"),
    ("good morning", "እንደምን አደርክ"),
    ("stone", "ድንጋይ"),
    ("fire", "እሳት"),
    ("milk", "ወተት"),
]
SHARED: dict[str, Any] = {
    "description": "Write Amharic: ",
    "doc_to_text": " {{source}} =",
    "doc_to_target": "{{target}}",
    "fewshot_delimiter": " | ",
    "target_delimiter": " ",
}
THEIRS: dict[str, dict[str, Any]] = {
    "write": {
        **SHARED,
        "output_type": "generate_until",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4, "do_sample": False},
        "metric_list": [{"metric": "chrf"}],
    },
    "choose": {
        **SHARED,
        "output_type": "multiple_choice",
        "doc_to_choice": ["{{target}}", "မဟုတ်", "いいえ"],
        "doc_to_target": 0,
        "gen_prefix": "መልስ:",
        "metric_list": [{"metric": "acc"}],
    },
}
SETTINGS = [
    ("strict", "", False),
    ("strict", SYSTEM, True),
    ("marked", "", True),
    ("marked", SYSTEM, False),
    ("marked", SYSTEM, True),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows, lm-eval's files, and a translation task of ours that asks what lm-eval's ``write`` asks."""
    made = tmp_path_factory.mktemp("chat")
    rows = [{"source": source, "target": target} for source, target in PAIRS]
    for split, part in (("train", rows[:4]), ("test", rows[4:])):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part)
        (made / f"{split}.jsonl").write_text(text, encoding="utf-8")
        for index, side in enumerate(("eng", "amh")):
            lines = "".join(pair[index] + "\n" for pair in (PAIRS[:4] if split == "train" else PAIRS[4:]))
            (made / f"{side}.{split}").write_text(lines, encoding="utf-8")
    files = {split: str(made / f"{split}.jsonl") for split in ("train", "test")}
    common = {"dataset_path": "json", "test_split": "test", "fewshot_split": "train"}
    for name, config in THEIRS.items():
        written = {"task": name, **common, "dataset_kwargs": {"data_files": files}, **config}
        (made / f"{name}.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
    ours = {
        "task": "ours",
        "kind": "translation",
        "dataset": {"files": "{lang}.{split}", "format": "lines", "splits": ["test"], "fewshot_split": "train"},
        "languages": ["eng", "amh"],
        "directions": ["eng-amh"],
        "metrics": ["chrf"],
        "prompts": {"p": {**SHARED, "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4}}},
    }
    (made / "ours.yaml").write_text(yaml.safe_dump(ours, allow_unicode=True), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def models(tiny_causal_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name, template in TEMPLATES.items():
        made[name] = tmp_path_factory.mktemp("chatty") / name
        shutil.copytree(tiny_causal_model, made[name])
        (made[name] / "chat_template.jinja").write_text(template, encoding="utf-8")
    return made


@pytest.mark.parametrize(("template", "system", "multiturn"), SETTINGS)
def test_conversations_equal_those_of_lm_eval(
    models: dict[str, Path], folder: Path, template: str, system: str, multiturn: bool
) -> None:
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    thinking = {"enable_thinking": False} if template == "marked" and system else {}
    lm = HFLM(pretrained=str(models[template]), device="cpu", batch_size=1, dtype="float32", **thinking)
    theirs = lm_eval.simple_evaluate(
        model=lm,
        tasks=list(THEIRS),
        num_fewshot=2,
        apply_chat_template=True,
        system_instruction=system or None,
        fewshot_as_multiturn=multiturn,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )["samples"]
    said = f",system={system}" if system else ""
    told = ",enable_thinking=false" if thinking else ""
    options = f"chat_template=true,multiturn={str(multiturn).lower()}{said}{told},device=cpu,dtype=float32"
    engine = load_model(parse_model(f"hf:{models[template]},{options}"))
    for name in ("write", "choose", "ours"):
        (task,) = load_tasks([name], [folder])
        (unit,) = units(task, Selection(num_fewshot=2), None)
        unit.chat = engine.chat
        requests = unit.requests()
        samples = sorted(theirs["write" if name == "ours" else name], key=lambda sample: sample["doc_id"])
        expected = [argument for sample in samples for argument in sample["arguments"]]
        if name != "choose":
            assert [one.prompt for one in requests if isinstance(one, Generate)] == [one[0] for one in expected]
            continue
        asked = [(one.context, one.continuation) for one in requests if isinstance(one, LogLikelihood)]
        assert asked == [tuple(one) for one in expected]
        answers = engine.answer(requests)
        found = [(one.logprob, one.is_greedy) for one in answers if isinstance(one, LogLikelihoodResponse)]
        responses = [one for sample in samples for one in sample["filtered_resps"]]
        assert [one for one, _ in found] == pytest.approx([float(one) for one, _ in responses], abs=1e-3)
        assert [str(one) for _, one in found] == [str(one) for _, one in responses]
    assert (SYSTEM in expected[0][0]) == (bool(system) and template == "marked"), "strict templates refuse the role"
