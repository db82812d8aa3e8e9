"""Inputs that would run code where a reader lets them."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np


class Marker:
    """What leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self._path, "w")


def running_code(ran: Path) -> list[bytes]:
    """Pickles, arrays of objects, checkpoints, YAML and templates that would make a file where they are obeyed."""
    import torch

    arrays, weights = io.BytesIO(), io.BytesIO()
    np.savez(arrays, x=np.array([Marker(ran)], dtype=object))
    torch.save({"state_dict": {}, "hyper_parameters": Marker(ran)}, weights)
    return [
        pickle.dumps(Marker(ran)),
        b"embed\n" + pickle.dumps(Marker(ran)),
        arrays.getvalue(),
        weights.getvalue(),
        f"task: !!python/object/apply:os.system ['touch {ran}']\n".encode(),
        f"---\nx: !!python/object/new:os.system [touch {ran}]\n---\n".encode(),
        f"a: !!python/name:os.system\ntask: t\ndoc_to_text: !function os.system\nkind: sts\n# {ran}\n".encode(),
        f"{{{{ cycler.__init__.__globals__.os.system('touch {ran}') }}}}".encode(),
    ]
