"""How a transformers model is loaded: kernels, quantised weights, several devices, compiled layers.

What needs a GPU or a package that is not here is tested up to what transformers is handed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine import loading, placement
from harness.engine.compiling import compiled
from harness.engine.models import load_model, parse_model
from harness.engine.placement import placement_of
from harness.errors import BackendError
from harness.types import Embed, EmbedResponse, LogLikelihood, LogLikelihoodResponse, Request, Response

REQUESTS: list[Request] = [
    LogLikelihood(context="ሰላም ለዓለም", continuation=" مرحبا بالعالم"),
    LogLikelihood(context="ሰላም ለዓለም", continuation=" สวัสดีชาวโลก"),
    LogLikelihood(context="こんにちは", continuation=" ߊߟߎ߫ ߣߌ߫ ߖߏ߬ 🦁"),
]
PLAIN = SimpleNamespace()


def answers(model: Path, options: str = "") -> tuple[list[Response], dict[str, str]]:
    engine = load_model(parse_model(f"hf:{model}{options}"))
    found: dict[int, Response] = {}
    for batch in engine.plan(REQUESTS):
        found.update(zip(batch, engine.answer([REQUESTS[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(REQUESTS))], engine.identity


def logprobs(responses: list[Response]) -> list[float]:
    return [response.logprob for response in responses if isinstance(response, LogLikelihoodResponse)]


def placed(options: str, config: Any = PLAIN, device: str = "cuda:0") -> placement.Placement:
    return placement_of(parse_model(f"hf:m,{options}"), config, device=device, dtype="bfloat16")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say which packages there are, for those who look before they load."""

    def say(**there: bool) -> None:
        for module in (loading, placement):
            real = module.find_spec
            monkeypatch.setattr(
                module,
                "find_spec",
                lambda name, real=real: (object() if there[name] else None) if name in there else real(name),
            )

    return say


def test_kernels_give_the_same_log_probabilities(tiny_causal_model: Path) -> None:
    plain, identity = answers(tiny_causal_model)
    eager, eager_identity = answers(tiny_causal_model, ",attention=eager")
    sdpa, _ = answers(tiny_causal_model, ",attention=sdpa")
    assert logprobs(eager) == pytest.approx(logprobs(sdpa), abs=1e-4)
    assert logprobs(eager) != logprobs(sdpa), "other kernels round otherwise; equal numbers are one kernel"
    assert logprobs(plain) == logprobs(sdpa)
    assert {**identity, "attention": "eager"} == eager_identity


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("attention=egaer", r"unknown attention 'egaer' \(did you mean 'eager'\?\); use one of eager, sdpa"),
        ("attention=kernels-community/flash-attn", "unknown attention 'kernels-community/flash-attn'"),
        ("device=cpu,attention=flash_attention_2", "needs a GPU, the device is cpu; use attention=sdpa"),
        ("device=cpu,quantization=bnb-4bits", r"unknown quantization 'bnb-4bits' \(did you mean 'bnb-4bit'\?\)"),
        ("device=cpu,quantization=gptq", "quantization=gptq, but the checkpoint is not quantised; name a checkpoint"),
        (
            "device_map=all",
            "unknown device_map 'all'; use one of auto, .*sequential, or device=... for one",
        ),
        ("device=cpu,device_map=auto", "device and device_map exclude each other; leave one out"),
        ("device_map=auto,max_memory=0:20", "max_memory: cannot read '0:20'; write 0:20GiB;1:20GiB;cpu:60GiB"),
        ("max_memory=0:20GiB", "max_memory means nothing without device_map; add device_map=auto"),
        ("compile=yes", "compile must be true or false, found 'yes'"),
    ],
)
def test_options_that_cannot_be_are_one_clear_line(tiny_causal_model: Path, options: str, message: str) -> None:
    with pytest.raises(BackendError, match=message) as raised:
        load_model(parse_model(f"hf:{tiny_causal_model},{options}"))
    assert "\n" not in str(raised.value)


def test_flash_attention_needs_half_precision_and_its_package(installed: Callable[..., None]) -> None:
    spec = parse_model("hf:m,attention=flash_attention_2")
    with pytest.raises(BackendError, match="has no float32; add dtype=bfloat16"):
        loading._attention(spec, "cuda:0", "float32")
    installed(flash_attn=False)
    with pytest.raises(BackendError, match="needs the package 'flash_attn'; install it with: pip install flash-attn"):
        loading._attention(spec, "cuda:0", "bfloat16")
    installed(flash_attn=True)
    assert loading._attention(spec, "cuda:0", "bfloat16") == "flash_attention_2"


def test_bitsandbytes_is_asked_for_and_named_where_it_is_missing(installed: Callable[..., None]) -> None:
    installed(bitsandbytes=False)
    with pytest.raises(BackendError, match="needs the package 'bitsandbytes'; install it with: pip install bitsandby"):
        placed("quantization=bnb-8bit")
    installed(bitsandbytes=True)
    with pytest.raises(BackendError, match="quantization=bnb-4bit needs a GPU, the device is cpu"):
        placed("quantization=bnb-4bit", device="cpu")
    eight = placed("quantization=bnb-8bit")
    assert eight.arguments["quantization_config"].load_in_8bit
    assert eight.arguments["device_map"] == {"": "cuda:0"}
    assert eight.identity == {"quantization": "bnb-8bit"}


def test_four_bits_are_nf4_in_the_models_dtype(installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    import transformers

    given: dict[str, Any] = {}
    installed(bitsandbytes=True)
    monkeypatch.setattr(transformers, "BitsAndBytesConfig", lambda **options: given.update(options) or "four bits")
    four = placed("quantization=bnb-4bit,device_map=auto,max_memory=0:20GiB;cpu:60.5GiB")
    assert given == {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_compute_dtype": torch.bfloat16,
    }
    assert four.arguments == {
        "quantization_config": "four bits",
        "device_map": "auto",
        "max_memory": {0: "20GiB", "cpu": "60.5GiB"},
    }
    assert four.identity == {
        "quantization": "bnb-4bit nf4 in bfloat16",
        "device_map": "auto",
        "max_memory": "0:20GiB;cpu:60.5GiB",
    }


def test_a_checkpoint_says_how_it_is_quantised(installed: Callable[..., None]) -> None:
    awq = SimpleNamespace(quantization_config={"quant_method": "awq", "bits": 4})
    assert placed("dtype=float16", awq).arguments == {"device_map": {"": "cuda:0"}}
    assert placed("dtype=float16", awq).identity == {}
    assert placed("quantization=awq", awq).identity == {"quantization": "awq"}
    with pytest.raises(BackendError, match="quantization=gptq, but the checkpoint is quantised by awq"):
        placed("quantization=gptq", awq)
    for option in ("none", "bnb-8bit"):
        with pytest.raises(BackendError, match=f"{option}, but the checkpoint is quantised by awq; leave it out"):
            placed(f"quantization={option}", awq)
    installed(accelerate=False)
    with pytest.raises(BackendError, match="a quantised model needs the package 'accelerate'"):
        placed("dtype=float16", awq)
    with pytest.raises(BackendError, match="device_map needs the package 'accelerate'; install it with: pip install"):
        placed("device_map=auto")
    assert placed("quantization=none").arguments == {}


def test_a_quantised_checkpoint_names_the_package_it_needs(tiny_causal_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "awq"
    shutil.copytree(tiny_causal_model, model)
    config = json.loads((model / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm"}
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(BackendError, match=r"cannot be loaded: .*(gptqmodel|GPU)"):
        load_model(parse_model(f"hf:{model},device=cpu"))


def test_code_that_comes_with_a_model_is_not_run(tiny_causal_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "own-code"
    shutil.copytree(tiny_causal_model, model)
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (model / "config.json").write_text(json.dumps(config))
    (model / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(BackendError, match=r"cannot be loaded: .*custom code") as raised:
        load_model(parse_model(f"hf:{model}"))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "ran").exists()


def test_a_spread_model_answers_like_one_on_one_device(tiny_causal_model: Path) -> None:
    plain, identity = answers(tiny_causal_model)
    spread, spread_identity = answers(tiny_causal_model, ",device_map=auto")
    assert logprobs(spread) == pytest.approx(logprobs(plain), abs=1e-4)
    assert {**identity, "device_map": "auto"} == spread_identity


def test_compiled_layers_answer_and_are_left_out_where_layers_are_read(
    tiny_causal_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a compiler that only counts: a real one takes minutes on a CPU (``tests/gpu`` has that one)."""
    import torch

    calls = []

    def counting(forward: Callable[..., Any], *, dynamic: bool) -> Callable[..., Any]:
        assert dynamic
        return lambda *given, **named: (calls.append(1), forward(*given, **named))[1]

    plain, identity = answers(tiny_causal_model)
    monkeypatch.setattr(torch, "compile", counting)
    found, compiled_identity = answers(tiny_causal_model, ",compile=true")
    assert len(calls) > 4, "two passes to compare, and those of the requests"
    assert logprobs(found) == logprobs(plain)
    assert {**identity, "compile": "true"} == compiled_identity
    engine = load_model(parse_model(f"hf:{tiny_causal_model},compile=true"))
    (states,) = engine.answer([Embed(text="မင်္ဂလာပါ", pooling=("mean", "weighted"))])
    assert isinstance(states, EmbedResponse)
    assert states.vectors.shape == (2, 3, 64)


@pytest.mark.parametrize(
    ("compiler", "remark"),
    [
        (
            lambda forward, **_: lambda **given: forward(**{**given, "input_ids": given["input_ids"].flip(1)}),
            "are off by",
        ),
        (lambda forward, **_: lambda **given: forward(none=1), "cannot be compiled"),
    ],
)
def test_a_model_that_cannot_be_compiled_runs_as_it_is(
    tiny_causal_model: Path,
    compiler: Callable[..., Any],
    remark: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_causal_model).eval()
    monkeypatch.setattr(torch, "compile", compiler)
    assert not compiled(model, "tiny", "cpu")
    assert "forward" not in vars(model.base_model)
    assert remark in caplog.text
    assert "it is run as it is" in caplog.text
