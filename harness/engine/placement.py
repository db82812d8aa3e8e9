"""Quantised weights and models spread over devices: from options to arguments of transformers' ``from_pretrained``.

``quantization=bnb-8bit|bnb-4bit`` quantises while loading (bitsandbytes; 4 bits are NF4, arXiv 2305.14314, computed in
the model's dtype). ``gptq`` and ``awq`` demand that the checkpoint is so; a checkpoint that says itself how it is
quantised needs no option. ``device_map=auto|balanced|balanced_low_0|sequential`` spreads a model over devices, within
``max_memory=0:20GiB;cpu:60GiB``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from harness.engine.base import ModelSpec
from harness.errors import BackendError
from metrics.spelling import did_you_mean

QUANTIZATION = ("none", "bnb-8bit", "bnb-4bit", "gptq", "awq")
DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
_MEMORY = re.compile(r"(\d+|cpu):(\d+(?:\.\d+)?(?:[KMG]i?B))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Attributes:
    arguments: For ``from_pretrained``; empty where a model is loaded plainly and moved to its device afterwards.
    identity: What was given.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, str] = field(default_factory=dict)


def placement_of(spec: ModelSpec, config: Any, *, device: str, dtype: str) -> Placement:
    """Where the weights go and how they are quantised.

    Args:
        config: transformers configuration of the model. device: The one device of a model that is not spread.
        dtype: What quantised weights are computed in.

    Raises:
        BackendError: An option is wrong, contradicts the checkpoint, or needs what this machine does not have.
    """
    where = f"--model {spec.backend}:{spec.target}"
    arguments: dict[str, Any] = {}
    identity: dict[str, str] = {}
    own = _own_method(config)
    said = _quantization(spec, own, where)
    if said in ("bnb-8bit", "bnb-4bit"):
        arguments["quantization_config"] = _bitsandbytes(said, device, dtype, where)
        identity["quantization"] = f"bnb-4bit nf4 in {dtype}" if said == "bnb-4bit" else said
    elif said is not None:
        identity["quantization"] = said
    if (device_map := _device_map(spec, where)) is not None:
        arguments["device_map"] = identity["device_map"] = device_map
        if memory := spec.options.get("max_memory"):
            arguments["max_memory"] = _memory(memory, where)
            identity["max_memory"] = memory
    elif "max_memory" in spec.options:
        raise BackendError(f"{where}: max_memory means nothing without device_map; add device_map=auto")
    elif own or "quantization_config" in arguments:
        arguments["device_map"] = {"": device}  # quantised weights cannot be moved once they are loaded
    if arguments and find_spec("accelerate") is None:
        asked = "device_map" if device_map else "a quantised model"
        raise BackendError(f"{where}: {asked} needs the package 'accelerate'; install it with: pip install accelerate")
    return Placement(arguments=arguments, identity=identity)


def _quantization(spec: ModelSpec, own: str | None, where: str) -> str | None:
    """The option, once it agrees with what the checkpoint says of itself."""
    said = spec.options.get("quantization")
    if said is None:
        return None
    if said not in QUANTIZATION:
        raise BackendError(
            f"{where}: unknown quantization '{said}'{did_you_mean(said, QUANTIZATION)}; "
            f"use one of {', '.join(QUANTIZATION)}"
        )
    if said in ("gptq", "awq") and own != said:
        found = f"is quantised by {own}" if own else "is not quantised"
        raise BackendError(
            f"{where}: quantization={said}, but the checkpoint {found}; name a checkpoint that was quantised by {said}"
        )
    if said not in ("gptq", "awq") and own:
        raise BackendError(f"{where}: quantization={said}, but the checkpoint is quantised by {own}; leave it out")
    return said


def _own_method(config: Any) -> str | None:
    """How the checkpoint says that it is quantised; ``None`` where it is not."""
    found = getattr(config, "quantization_config", None)
    if found is None:
        return None
    method = found.get("quant_method") if isinstance(found, dict) else getattr(found, "quant_method", None)
    return str(getattr(method, "value", method) or "a method it does not name")


def _bitsandbytes(said: str, device: str, dtype: str, where: str) -> Any:
    if find_spec("bitsandbytes") is None:
        raise BackendError(
            f"{where}: quantization={said} needs the package 'bitsandbytes'; install it with: pip install bitsandbytes"
        )
    if not device.startswith("cuda"):
        raise BackendError(f"{where}: quantization={said} needs a GPU, the device is {device}; leave it out")
    import torch
    import transformers

    if said == "bnb-8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, dtype)
    )


def _device_map(spec: ModelSpec, where: str) -> str | None:
    said = spec.options.get("device_map")
    if said is None:
        return None
    if said not in DEVICE_MAPS:
        raise BackendError(
            f"{where}: unknown device_map '{said}'{did_you_mean(said, DEVICE_MAPS)}; use one of "
            f"{', '.join(DEVICE_MAPS)}, or device=... for one device"
        )
    if "device" in spec.options:
        raise BackendError(f"{where}: device and device_map exclude each other; leave one out")
    return said


def _memory(text: str, where: str) -> dict[int | str, str]:
    """``0:20GiB;cpu:60GiB`` as transformers takes it."""
    found: dict[int | str, str] = {}
    for part in text.split(";"):
        matched = _MEMORY.fullmatch(part)
        if matched is None:
            raise BackendError(f"{where}: max_memory: cannot read '{part}'; write 0:20GiB;1:20GiB;cpu:60GiB")
        name, size = matched.groups()
        found[name if name == "cpu" else int(name)] = size
    return found
