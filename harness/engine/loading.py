"""A transformers model from its options: configuration, tokenizer and weights, and where and how they are computed.

``dtype``, ``device`` and ``revision`` as everywhere; and ``attention`` (transformers' kernel), ``quantization``,
``device_map`` with ``max_memory`` (``harness.engine.placement``), ``tensor_parallel``
(``harness.engine.tensor_parallel``), ``compile`` (``harness.engine.compiling``). What is
given stands in the identity: a quantised model is another model. Code from the hub is never run. Shared by the engines
of causal and of encoder-decoder models, which decide what is asked of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from harness.engine.base import ModelSpec
from harness.engine.compiling import compiled
from harness.engine.placement import placement_of
from harness.engine.tensor_parallel import processes
from harness.errors import BackendError
from metrics.spelling import did_you_mean

OPTIONS = (
    *("dtype", "device", "revision", "attention", "quantization", "device_map", "max_memory"),
    *("tensor_parallel", "compile"),
)
ATTENTION = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")
_FLASH_PACKAGES = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}
_DTYPES = ("float32", "bfloat16", "float16")
_LOADING_ERRORS = (OSError, ValueError, KeyError, ImportError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model that is ready to be asked.

    Attributes:
        config, tokenizer, model: transformers'. device: Where its inputs go. dtype: Name of the dtype.
        identity: What was given beyond dtype and device and changes its numbers.
    """

    config: Any
    tokenizer: Any
    model: Any
    device: str
    dtype: str
    identity: dict[str, str]


def load_pretrained(spec: ModelSpec, auto_class: Callable[[Any], str]) -> Loaded:
    """Load what the options name.

    Args:
        auto_class: Name of the transformers class that reads a model of this configuration.

    Raises:
        BackendError: Something cannot be loaded, or options are wrong or need what is not installed.
    """
    import torch
    import transformers

    where = f"--model {spec.backend}:{spec.target}"
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    device = choose_device(spec)
    dtype = choose_dtype(spec, device)
    attention = _attention(spec, device, dtype)
    count = processes(spec)
    divided = {"distributed_config": _divided(count, where)} if count > 1 else {}
    compiling = bool(spec.flag("compile"))
    source = source_of(spec)
    try:
        config = transformers.AutoConfig.from_pretrained(**source)
        placement = placement_of(spec, config, device=device, dtype=dtype)
        tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
        model = getattr(transformers, auto_class(config)).from_pretrained(
            **source,
            dtype=getattr(torch, dtype),
            **({"attn_implementation": attention} if attention else {}),
            **placement.arguments,
            **divided,
        )
    except _LOADING_ERRORS as error:
        raise BackendError(f"{where}: cannot be loaded: {reason(error)}") from error
    model, device = _placed(model, device, moved=not (placement.arguments or divided))
    identity = {**({"attention": attention} if attention else {}), **placement.identity}
    if count > 1:
        identity["tensor_parallel"] = f"{count} processes"
    if compiling and compiled(model, spec.name, device):
        identity["compile"] = "true"
    return Loaded(config=config, tokenizer=tokenizer, model=model, device=device, dtype=dtype, identity=identity)


def source_of(spec: ModelSpec) -> dict[str, Any]:
    """What transformers is to read. Code that comes with it is not run, nor is anybody asked whether it may."""
    return {
        "pretrained_model_name_or_path": spec.target,
        "revision": spec.options.get("revision"),
        "trust_remote_code": False,
    }


def choose_device(spec: ModelSpec) -> str:
    """``cuda`` where there is one, unless the option says otherwise."""
    import torch

    device = spec.options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise BackendError(f"--model {spec.backend}:{spec.target}: device={device}, but this machine has no usable GPU")
    return device


def choose_dtype(spec: ModelSpec, device: str) -> str:
    """Name of the dtype: as the option says, else float32 on CPU and bfloat16 on CUDA."""
    dtype = spec.options.get("dtype") or ("float32" if device == "cpu" else "bfloat16")
    if dtype not in _DTYPES:
        raise BackendError(
            f"--model {spec.backend}:{spec.target}: unknown dtype '{dtype}'; use one of {', '.join(_DTYPES)}"
        )
    return dtype


def reason(error: Exception) -> str:
    """First line of what transformers says, with what to install where a tokenizer needs more."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    missing = [name for name in ("sentencepiece", "protobuf") if name in str(error).lower()]
    return f"{first}; install it with: pip install 'glotbench[seq2seq]'" if missing else first


def _attention(spec: ModelSpec, device: str, dtype: str) -> str | None:
    """The kernel that is asked for; ``None`` for transformers' choice.

    Only kernels by name: transformers would take the name of a hub repository too, and run its code.
    """
    where = f"--model {spec.backend}:{spec.target}"
    said = spec.options.get("attention")
    if said is None:
        return None
    if said not in ATTENTION:
        raise BackendError(
            f"{where}: unknown attention '{said}'{did_you_mean(said, ATTENTION)}; use one of {', '.join(ATTENTION)}"
        )
    if package := _FLASH_PACKAGES.get(said):
        if not device.startswith("cuda"):
            raise BackendError(f"{where}: attention={said} needs a GPU, the device is {device}; use attention=sdpa")
        if dtype == "float32":
            raise BackendError(f"{where}: attention={said} has no float32; add dtype=bfloat16 or use attention=sdpa")
        if find_spec(package) is None:
            raise BackendError(
                f"{where}: attention={said} needs the package '{package}'; install it with: pip install flash-attn"
            )
    return said


def _divided(count: int, where: str) -> Any:
    try:
        from transformers.distributed import DistributedConfig

        return DistributedConfig(tp_plan="auto", tp_size=count)
    except (ImportError, TypeError) as error:
        raise BackendError(f"{where}: tensor_parallel: transformers is too old; pip install -U transformers") from error


def _placed(model: Any, device: str, *, moved: bool) -> tuple[Any, str]:
    """The model where it is computed, and the device its inputs go to."""
    if moved:
        return model.to(device).eval(), device
    # Spread over devices or processes, or quantised: already in place, and not to be moved.
    found = str(model.device)
    return model.eval(), device if found == "meta" else found
