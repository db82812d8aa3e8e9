"""How fast the device is, by its own clock and not by a data sheet: a short product of two matrices."""

from __future__ import annotations

import time
from typing import Any

_BUDGET = 0.15  # seconds
_SMALLEST = 256
_LARGEST = {"cpu": 2048, "cuda": 8192}


def peak_flops(device: str, dtype: str) -> float:
    """Most floating-point operations a second of a matrix product, among a few sizes tried within 0.2 s or so.

    Other programs that run meanwhile make it smaller: it is what the machine had to give at the time.

    Args:
        device: As torch calls it. dtype: Name of a torch dtype.
    """
    import torch

    size, best, begin = _SMALLEST, 0.0, time.perf_counter()
    with torch.inference_mode():
        while True:
            matrix = torch.full((size, size), 0.5, dtype=getattr(torch, dtype), device=device)
            _timed(matrix)
            seconds = _timed(matrix)
            best = max(best, 2.0 * size**3 / seconds)
            spent = time.perf_counter() - begin
            if size * 2 > _LARGEST[device.partition(":")[0]] or spent + 16 * seconds > _BUDGET:
                break
            size *= 2
        while time.perf_counter() - begin < _BUDGET:
            best = max(best, 2.0 * size**3 / _timed(matrix))
    return best


def _timed(matrix: Any) -> float:
    """Seconds of one product."""
    import torch

    cuda = matrix.device.type == "cuda"
    if cuda:
        torch.cuda.synchronize(matrix.device)
    begin = time.perf_counter()
    torch.matmul(matrix, matrix)
    if cuda:
        torch.cuda.synchronize(matrix.device)
    return max(time.perf_counter() - begin, 1e-9)
