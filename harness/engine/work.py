"""What a model did: passes through it watched from outside, so that an engine says it with one line.

Forward hooks see every pass, whoever makes it (scoring, embedding, a generation loop of transformers' or our own). On
CUDA nothing waits for the device while it works: times are events and padding is counted there, and both are read when
somebody asks (:meth:`Work.counts`), at the end of a batch. Knows no requests.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from harness.engine.peak import peak_flops

_MOST_PENDING = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Work so far; differences are the work in between.

    Attributes:
        seconds: Time in passes and in what is made of their outputs on the device; on CUDA the device's own.
        positions: Positions that passes computed, padding included. padded: Those of them that were padding.
        saved: Tokens that were asked for and needed no position of their own, because several rows share them.
        predicted: Positions that reached the output layer; while text is written, tokens written.
        flops: Floating-point operations that the positions without padding need at least, by
            :meth:`Work.watch`'s formula.
    """

    seconds: float = 0.0
    positions: int = 0
    padded: int = 0
    saved: int = 0
    predicted: int = 0
    flops: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens that were asked for: of every row all that the model must know of, however many rows share them."""
        return self.positions - self.padded + self.saved

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in _COUNTED})

    def __sub__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) - getattr(other, name) for name in _COUNTED})

    def times(self, part: float) -> Counts:
        """A part of the work, 0-1; counts then need not be whole."""
        return Counts(**{name: getattr(self, name) * part for name in _COUNTED})


_COUNTED = tuple(field.name for field in dataclasses.fields(Counts))


@runtime_checkable
class Worker(Protocol):
    """An engine that says what its model did.

    Attributes:
        work: What it did so far; ``None`` where it wraps an engine that does not say.
    """

    work: Work | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    """What a pass through a module costs: see :meth:`Work.watch`."""

    weights: int
    layers: int
    width: int

    @classmethod
    def nothing(cls) -> _Module:
        return cls(weights=0, layers=0, width=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """One pass, not yet read: the start and the end are seconds, or events of the device."""

    start: Any
    end: Any
    positions: int
    real: Any
    context: float
    module: _Module


class Work:
    """Counts of one engine.

    Args:
        device: Where the model is, as torch calls it. dtype: Its dtype's name.
    """

    def __init__(self, device: str, dtype: str) -> None:
        self._device = device
        self._dtype = dtype
        self._counts = Counts()
        self._pending: list[_Pass] = []
        self._depth = 0
        self._started: Any = None
        self._announced: tuple[int, float | None] | None = None
        self._predicted = 0
        self._head = 0.0

    def watch(self, model: Any, *parts: Any) -> None:
        """Count every pass through a transformers model, and through parts of it that are also called alone.

        A position without padding takes ``2 N + 4 L d c`` operations: N weights of the matrices it goes through without
        embeddings and output layer, L layers of width d (heads times their size), c positions it looks back at, taken
        as what is cached and half of the pass (Kaplan et al. 2020, arXiv 2001.08361, section 2.1; Chowdhery et al.
        2022, PaLM, appendix B, without the backward pass). Each position that reaches the output layer takes another
        two operations a weight of it. Of a model with experts it is not known which ones a position goes through: no
        operations are counted.

        Args:
            parts: Modules inside the model, such as its encoder; a part that runs within a pass is not counted twice.
        """
        head = getattr(model, "get_output_embeddings", lambda: None)()
        inner = [part for part in parts if part is not model]
        encoder = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else None
        for module in (model, *inner):
            cost = _cost(module, without=[head, *([encoder] if module is not encoder else [])])
            module.register_forward_pre_hook(self._begin)
            module.register_forward_hook(
                lambda _, args, named, __, cost=cost: self._end(cost, args, named), with_kwargs=True, always_call=True
            )
        if head is not None:
            weights = 0 if _has_experts(model.config) else _weights(head)
            head.register_forward_hook(lambda _, __, output: self._predict(weights, output))

    def announce(self, real: int, *, context: float | None = None) -> None:
        """What the next pass is like, where the model is given no mask that says it.

        Args:
            real: Positions that are no padding. context: Positions that one of them looks back at, in the mean.
        """
        self._announced = (real, context)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time of what is done inside as the model's: softmax over its outputs, moving of its states."""
        start = self._now()
        yield
        self._pending.append(
            _Pass(start=start, end=self._now(), positions=0, real=0, context=0.0, module=_Module.nothing())
        )

    def save(self, tokens: int) -> None:
        """Tokens were asked for that no pass computed."""
        self._counts = dataclasses.replace(self._counts, saved=self._counts.saved + tokens)

    def counts(self) -> Counts:
        """Everything so far; waits for the device."""
        seconds, positions, real, flops = 0.0, 0, 0, 0.0
        for one in self._pending:
            own = int(one.real)
            seconds += self._elapsed(one)
            positions += one.positions
            real += own
            flops += own * (2 * one.module.weights + 4 * one.module.layers * one.module.width * one.context)
        self._pending.clear()
        self._counts += Counts(
            seconds=seconds,
            positions=positions,
            padded=positions - real,
            predicted=self._predicted,
            flops=flops + self._head,
        )
        self._predicted, self._head = 0, 0.0
        return self._counts

    @cached_property
    def peak(self) -> float:
        """Most floating-point operations a second that the device was seen to do in the model's dtype."""
        return peak_flops(self._device, self._dtype)

    def _begin(self, *_: Any) -> None:
        self._depth += 1
        if self._depth == 1:
            self._started = self._now()

    def _end(self, cost: _Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._depth -= 1
        if self._depth:
            return
        rows, width, mask = _read(args, named)
        before = max(0, mask.shape[1] - width) if mask is not None else 0
        context = before + width / 2
        if self._announced is not None:
            real: Any = self._announced[0]
            context = context if self._announced[1] is None else self._announced[1]
        else:
            real = mask[:, before:].sum() if mask is not None else rows * width
        self._announced = None
        self._pending.append(
            _Pass(
                start=self._started,
                end=self._now(),
                positions=rows * width,
                real=real,
                context=context,
                module=cost,
            )
        )
        if len(self._pending) >= _MOST_PENDING:
            self.counts()

    def _predict(self, weights: int, output: Any) -> None:
        rows = output.numel() // max(1, output.shape[-1])
        self._predicted += rows
        self._head += 2.0 * weights * rows

    def _now(self) -> Any:
        if not self._device.startswith("cuda"):
            return time.perf_counter()
        import torch

        event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def _elapsed(self, one: _Pass) -> float:
        if isinstance(one.start, float):
            return float(one.end - one.start)
        one.end.synchronize()
        return float(one.start.elapsed_time(one.end)) / 1000


def work_of(engine: object) -> Work | None:
    """What an engine's model did; ``None`` where the engine does not say."""
    return engine.work if isinstance(engine, Worker) else None


def _read(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, int, Any]:
    """Rows and positions of a pass, and its mask ``[rows, cached + positions]`` where it has one of that shape."""
    decodes = named.get("decoder_input_ids") is not None
    names = ("decoder_input_ids",) if decodes else ("input_ids", "inputs_embeds")
    given = next((named[name] for name in names if named.get(name) is not None), args[0] if args else None)
    if given is None:
        return 0, 0, None
    mask = named.get("decoder_attention_mask" if decodes else "attention_mask")
    if mask is not None and (getattr(mask, "ndim", 0) != 2 or mask.shape[1] < given.shape[1]):
        mask = None
    return int(given.shape[0]), int(given.shape[1]), mask


def _cost(module: Any, *, without: list[Any]) -> _Module:
    config = module.config.get_text_config()
    if _has_experts(config):
        return _Module.nothing()
    left_out = {id(inner) for part in without if part is not None for inner in part.modules()}
    weights = sum(_weights(inner) for inner in module.modules() if id(inner) not in left_out)
    heads = getattr(config, "num_attention_heads", 0) or 0
    width = heads * (getattr(config, "head_dim", 0) or 0) or getattr(config, "hidden_size", 0) or 0
    return _Module(weights=weights, layers=int(getattr(config, "num_hidden_layers", 0) or 0), width=int(width))


def _weights(module: Any) -> int:
    """Weights of the module itself, as many as there are however they are packed; of embeddings none."""
    from torch import nn

    if isinstance(module, nn.Embedding):
        return 0
    if isinstance(module, nn.Linear):
        return int(module.in_features) * int(module.out_features)
    return sum(parameter.numel() for parameter in module.parameters(recurse=False))


def _has_experts(config: Any) -> bool:
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return any(getattr(text, name, None) for name in ("num_experts", "num_local_experts", "n_routed_experts"))
