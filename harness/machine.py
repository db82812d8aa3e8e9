"""The machine and the programs that a run rests on, and how much of the machine's memory it took."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import harness

_VERSIONS = ("glotbench", "torch", "transformers", "tokenizers", "lm-eval", "sacrebleu", "numpy", "scipy")


def versions() -> dict[str, str]:
    """Python's version, and those of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in _VERSIONS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, str]:
    """Kind of machine, system, number of processors, and the GPU where one could be used.

    A run whose backends do without torch does not wait for it: then the driver is asked.
    """
    found = {"machine": platform.machine(), "system": platform.system(), "cpus": str(os.cpu_count())}
    if "torch" in sys.modules:
        import torch

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    else:
        gpu = next(map(_gpu_model, sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))), "")
    return {**found, "gpu": gpu} if gpu else found


def git_commit() -> str:
    """Commit of the source checkout this runs from; empty where it is not one."""
    root = Path(harness.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def peak_memory() -> int:
    """Most bytes of memory that this process has held since it began.

    On Linux as the kernel counts it for the program itself; ``getrusage`` would begin with what the parent held.
    """
    try:
        found = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        found = None
    if found is not None:
        return int(found[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def reset_device_peak() -> None:
    """Begin to count the GPU's memory anew, where torch has used one."""
    if _uses_gpu():
        import torch

        torch.cuda.reset_peak_memory_stats()


def peak_device_memory() -> int | None:
    """Most bytes of the GPU that torch has held since :func:`reset_device_peak`; ``None`` without a GPU in use."""
    if not _uses_gpu():
        return None
    import torch

    return int(torch.cuda.max_memory_allocated())


def device_memory() -> int:
    """Bytes of memory of the GPU that torch uses; 0 without one in use."""
    if not _uses_gpu():
        return 0
    import torch

    return int(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)


def _gpu_model(information: Path) -> str:
    """The name in the driver's file about one GPU."""
    found = re.search(r"^Model:\s*(.+?)\s*$", information.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def _uses_gpu() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())
