"""bfloat16: with ``softmax_dtype=model`` our log-probabilities are HFLM's, rounded alike; by default they are finer.

The same small model and weights on both sides, HFLM at the batch size 1, where it pads nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.engine.models import load_model, parse_model
from harness.errors import BackendError
from harness.types import LogLikelihood, RollingLogLikelihood

CONTEXTS = ("ጥያቄ፡ ውሃ", "سؤال: ما", "မေးခွန်း", "แมวชอบ", "雪は何", "ߖߌ ߦߋ߫", "🐦👩🏽‍🚀")
ANSWERS = (" a", " ፈሳሽ", " ปลา ปลา", " 白い🐦")


def scored(model: Path, options: str) -> list[Any]:
    engine = load_model(parse_model(f"hf:{model},device=cpu,dtype=bfloat16{options}"))
    asked = [LogLikelihood(context=context, continuation=answer) for context in CONTEXTS for answer in ANSWERS]
    found: dict[int, Any] = {}
    for batch in engine.plan(asked):
        found.update(zip(batch, engine.answer([asked[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(asked))]


def of_hflm(model: Path, dtype: str, **options: str) -> list[tuple[float, bool]]:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    asked = [
        Instance(request_type="loglikelihood", doc={}, arguments=(context, answer), idx=0)
        for context in CONTEXTS
        for answer in ANSWERS
    ]
    lm = HFLM(pretrained=str(model), device="cpu", batch_size=1, dtype=dtype, logits_cache=False, **options)
    return list(lm.loglikelihood(asked, disable_tqdm=True))


def is_bfloat16(value: float) -> bool:
    import torch

    return float(torch.tensor(value, dtype=torch.bfloat16)) == value


def test_the_models_own_softmax_gives_the_numbers_of_hflm(tiny_causal_model: Path) -> None:
    theirs = of_hflm(tiny_causal_model, "bfloat16")
    ours = scored(tiny_causal_model, ",softmax_dtype=model,sharing=none,batch_size=1")
    assert all(is_bfloat16(one.logprob) for one in ours)
    # One step of bfloat16 is a 128th of a number; a product with the rows that are asked for alone rounds otherwise.
    assert [one.logprob for one in ours] == pytest.approx([value for value, _ in theirs], rel=2 / 128)
    assert sum(one.logprob == value for one, (value, _) in zip(ours, theirs, strict=True)) > len(theirs) / 2
    assert [one.is_greedy for one in ours] == [flag for _, flag in theirs]


def test_the_default_softmax_is_finer_and_nearer_to_float32(tiny_causal_model: Path) -> None:
    exact = of_hflm(tiny_causal_model, "float32")
    rounded = scored(tiny_causal_model, ",softmax_dtype=model")
    finer = scored(tiny_causal_model, "")
    assert not all(is_bfloat16(one.logprob) for one in finer)

    def error(found: list[Any]) -> float:
        return sum(abs(one.logprob - value) for one, (value, _) in zip(found, exact, strict=True))

    assert error(finer) < error(rounded)


def test_the_option_is_part_of_the_identity_and_has_two_values(tiny_causal_model: Path) -> None:
    def identity(options: str) -> dict[str, str]:
        return load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=bfloat16{options}")).identity

    assert identity(",softmax_dtype=model") != identity("") == identity(",softmax_dtype=float32")
    with pytest.raises(BackendError, match=r"softmax_dtype must be float32 or model \(the model's own\), found 'half'"):
        identity(",softmax_dtype=half")


def test_in_float32_the_option_changes_nothing_but_the_last_digits(tiny_causal_model: Path) -> None:
    texts = [RollingLogLikelihood(text=context * 30) for context in CONTEXTS]
    plain = load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32")).answer(texts)
    own = load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32,softmax_dtype=model")).answer(texts)
    for one, other in zip(plain, own, strict=True):
        assert one.logprob == pytest.approx(other.logprob, rel=1e-6)  # type: ignore[union-attr]
