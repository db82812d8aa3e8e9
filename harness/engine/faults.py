"""What is said when a GPU stops working while a model computes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from harness.errors import DeviceError

_SIGNS = ("CUDA error", "CUDA driver error", "CUBLAS_STATUS", "CUDNN_STATUS", "NCCL error", "HIP error")


@contextlib.contextmanager
def told_of_device() -> Iterator[None]:
    """An error of the device's own becomes :class:`~harness.errors.DeviceError`; other errors stay.

    Memory that runs out is no such error: the engines halve their batches.
    """
    try:
        yield
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        if not any(sign in str(error) for sign in _SIGNS):
            raise
        raise DeviceError(
            f"the GPU stopped working ({first[:200]}); what was computed is kept: when the GPU works again, the same "
            "command goes on where this one ended"
        ) from error
