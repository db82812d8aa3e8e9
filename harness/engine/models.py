"""``BACKEND:NAME[,key=value...]`` -> engine. Backends are imported only when one is made."""

from __future__ import annotations

import importlib
import re

from harness.engine.base import Engine, ModelSpec
from harness.engine.degrade import Degraded
from harness.engine.reasoning import declared_end, with_reasoning
from harness.engine.tensor_parallel import Leader, is_follower, processes
from harness.errors import BackendError, UserError
from metrics.spelling import did_you_mean

_BACKENDS = {
    "hf": "harness.engine.hf:load",
    "st": "harness.engine.st:load",
    "reward": "harness.engine.reward:load",
    "metric": "harness.engine.metric:load",
    "api": "harness.engine.api:load",
    "command": "harness.engine.command:load",
    "outputs": "harness.engine.outputs:load",
    "echo": "harness.engine.echo:load",
}


def parse_model(text: str) -> ModelSpec:
    """Take ``BACKEND:NAME[,key=value...]`` apart.

    A comma begins an option only where ``key=`` follows, so that commands and paths may hold commas.

    Raises:
        UserError: There is no backend, an unknown one, or no name.
    """
    if re.search("[\ud800-\udfff]", text):
        raise UserError(f"--model {text}: holds bytes that are no UTF-8; a record could not name it")
    backend, colon, rest = text.partition(":")
    if not colon or backend not in _BACKENDS:
        hint = did_you_mean(backend, _BACKENDS)
        raise UserError(f"--model {text}: no such backend{hint}; write BACKEND:NAME with one of {', '.join(_BACKENDS)}")
    target, *options = re.split(r",(?=[a-z_]+=)", rest)
    if not target:
        raise UserError(f"--model {text}: no name after '{backend}:'; write for example {backend}:NAME")
    return ModelSpec(backend=backend, target=target, options=dict(option.split("=", 1) for option in options))


def load_model(spec: ModelSpec) -> Engine:
    """Load the engine of a model.

    Raises:
        BackendError: The model cannot be loaded, or an option is unknown.
    """
    declared_end(spec)  # before minutes of loading
    module, _, function = _BACKENDS[spec.backend].partition(":")
    try:
        engine: Engine = getattr(importlib.import_module(module), function)(spec)
    except ModuleNotFoundError as error:
        extra = {"sentence_transformers": "demo"}.get(error.name or "")
        install = f"pip install 'glotbench[{extra}]'" if extra else f"pip install {error.name}"
        raise BackendError(
            f"--model {spec.backend}: needs the package '{error.name}'; install it with: {install}"
        ) from error
    if processes(spec) > 1:
        if is_follower():
            return engine
        engine = Leader(engine)
    engine = with_reasoning(engine, spec)
    if language := spec.options.get("degrade"):
        return Degraded(engine, language)
    return engine
