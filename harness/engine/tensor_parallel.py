"""``tensor_parallel=true``: one model, each of its matrices spread over the processes that ``torchrun`` started.

transformers divides the model (``tp_plan="auto"``); every process must then make the same passes. The first one is the
run: it reads data, stores answers and writes the record, and says to the others what it is about to ask its model. They
load the same models in the same order, ask what they are told to, and end without a word.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from harness.engine.base import Engine, ModelSpec
from harness.engine.wrapping import Wrapped
from harness.errors import BackendError
from harness.types import Request, Response

_PATIENCE = datetime.timedelta(days=7)  # the others wait while the first one scores, or runs another model


def processes(spec: ModelSpec) -> int:
    """How many processes share the model; 1 where the option is not given.

    Raises:
        BackendError: The option is given, but there is one process only, or another option says where weights go.
    """
    if not spec.flag("tensor_parallel"):
        return 1
    where = f"--model {spec.backend}:{spec.target}"
    for other in ("device", "device_map", "quantization"):
        if other in spec.options:
            raise BackendError(f"{where}: tensor_parallel and {other} exclude each other; leave one out")
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count < 2 or "LOCAL_RANK" not in os.environ:
        raise BackendError(
            f"{where}: tensor_parallel=true needs a process for every device; start the command with: "
            "torchrun --nproc-per-node N -m harness"
        )
    if find_spec("accelerate") is None:
        raise BackendError(f"{where}: tensor_parallel needs the package 'accelerate'; pip install accelerate")
    return count


def is_follower() -> bool:
    """Whether this process is one of several and not the first."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and int(os.environ.get("RANK", "0")) > 0


def follow(specs: Sequence[ModelSpec], load: Callable[[ModelSpec], Engine]) -> None:
    """Be one of the others: for every divided model do what the first process says, until it closes it."""
    for spec in specs:
        if processes(spec) == 1:
            continue
        engine = load(spec)
        group = _group()
        while (told := _shared(None, group)) is not None:
            name, batch = told
            getattr(engine, name)(batch)
        engine.close()


class Leader(Wrapped):
    """The first process's engine: what it asks its model, the others ask theirs."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._group = _group()

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        _shared(("plan", list(requests)), self._group)  # what a plan found in common, the passes share
        return super().plan(requests)

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        _shared(("answer", list(batch)), self._group)
        return super().answer(batch)

    def close(self) -> None:
        _shared(None, self._group)
        super().close()


def _group() -> Any:
    """A way to talk that waits longer than the passes' own, made in every process at the same point."""
    import torch

    return torch.distributed.new_group(backend="gloo", timeout=_PATIENCE)


def _shared(told: object, group: Any) -> Any:
    """What the first process says, in every process."""
    import torch

    said = [told]
    torch.distributed.broadcast_object_list(said, src=0, group=group, device=torch.device("cpu"))
    return said[0]
