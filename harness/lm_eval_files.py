"""lm-eval's YAML files -> configurations as lm-eval would see them, with code named but not run.

``include`` is lm-eval's: a shallow merge in which the file's own keys win. ``!function utils.x`` becomes a
:class:`Code` that says what is named and where; :func:`with_code` puts the function in its place. Knows neither names
of tasks nor groups.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from harness.errors import SpecError, UserError
from harness.yaml_reader import MAX_BYTES, MAX_DEPTH, MAX_NODES
from metrics.bounded_yaml import BoundedLoader

IGNORED_FOLDERS = frozenset(["__pycache__", ".ipynb_checkpoints"])
"""Folders in which lm-eval looks for no tasks."""

_SHALLOW = 10_000
"""Bytes in which no nesting can be deep enough to matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Python code that a file names: ``!function`` and a dotted name.

    Attributes:
        name: The dotted name, such as ``utils.process_docs``; a module beside the file, else one that can be imported.
        path, line: The file that names it, resolved, and where.
    """

    name: str
    path: Path
    line: int


class _Loader(BoundedLoader):
    """YAML as lm-eval reads it; code stays text."""

    path: str

    def code(self, node: yaml.Node) -> Code:
        """What stands after ``!function``."""
        return Code(name=str(self.construct_scalar(node)), path=Path(self.path), line=node.start_mark.line + 1)


_Loader.add_constructor("!function", _Loader.code)


class LmEvalFiles:
    """Reads files of one folder; what several include is parsed once.

    Paths are plain text inside: there are 14,000 files and nearly as many inclusions.

    Args:
        root: Nothing outside this folder is read.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root.resolve())
        self._resolved: dict[str, str] = {}
        self._parsed: dict[str, dict[str, Any]] = {}

    def paths(self) -> list[Path]:
        """Every YAML file, in lm-eval's order."""
        found: list[str] = []
        for folder, folders, names in os.walk(self._root):
            folders[:] = [name for name in folders if name not in IGNORED_FOLDERS]
            found += [f"{folder}{os.sep}{name}" for name in names if name.endswith(".yaml")]
        return [Path(path) for path in sorted(found, key=lambda path: path.replace(os.sep, "/"))]

    def read(self, path: Path) -> dict[str, Any]:
        """A file's configuration, with what it includes; not to be changed by the caller.

        Raises:
            SpecError: A file cannot be read, is no YAML mapping, includes itself, or one outside the folder.
        """
        return self._merged(str(path), set())

    def chain(self, path: Path) -> list[Path]:
        """A file that was read and all that it includes, each once, itself first."""
        found = [str(path)]
        for one in found:
            for included in self._included(one, self._parse(one)):
                if included not in found:
                    found.append(included)
        return [Path(one) for one in found]

    def _merged(self, path: str, seen: set[str]) -> dict[str, Any]:
        if path in seen:
            raise SpecError([f"{path}: includes a file twice, or itself; lm-eval refuses that: include it once"])
        seen.add(path)
        own = self._parse(path)
        if "include" not in own:
            return own
        merged: dict[str, Any] = {}
        for included in self._included(path, own):
            try:
                merged.update(self._merged(included, seen))
            except SpecError as error:
                raise SpecError([f"{problem} (included by {path})" for problem in error.problems]) from error
            merged.pop("task_list", None)
        merged.update(own)
        del merged["include"]
        return merged

    def _included(self, path: str, own: Mapping[str, Any]) -> list[str]:
        named = own.get("include", [])
        names = named if isinstance(named, list) else [named]
        folder = os.path.dirname(path)  # noqa: PTH120
        return [os.path.normpath(os.path.join(folder, str(name))) for name in names]  # noqa: PTH118

    def _parse(self, path: str) -> dict[str, Any]:
        if path not in self._parsed:
            real = self._real(path)
            if not real.startswith(f"{self._root}{os.sep}"):
                raise SpecError([f"{path}: is outside {self._root}; only files in there are read"])
            self._parsed[path] = _parsed(path, real)
        return self._parsed[path]

    def _real(self, path: str) -> str:
        """The path with links followed; those of its folder once for all files, which takes most of the time."""
        folder, name = os.path.split(path)
        if folder not in self._resolved:
            self._resolved[folder] = os.path.realpath(folder)
        real = f"{self._resolved[folder]}{os.sep}{name}"
        return os.path.realpath(real) if os.path.islink(real) else real  # noqa: PTH114


def _parsed(path: str, real: str) -> dict[str, Any]:
    try:
        with open(real, "rb") as handle:  # noqa: PTH123
            content = handle.read()
        _check_size(path, content)
        loader = _Loader(content)
        loader.path = real
        try:
            value = loader.get_single_data()
        finally:
            loader.dispose()
    except OSError as error:
        raise SpecError([f"{path}: cannot be read ({error.strerror}); check the path"]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(str(error.problem or error.context or "malformed").split())
        raise SpecError([f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {reason}"]) from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise SpecError([f"{path}: not valid YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(value, dict):
        raise SpecError([f"{path}:1: expected 'key: value' lines, found {type(value).__name__}"])
    return value


def _check_size(path: str, content: bytes) -> None:
    """Refuse what libyaml would take too long over, or exhaust the stack with: it recurses, without a limit."""
    if len(content) > MAX_BYTES:
        raise SpecError([f"{path}: {len(content):,} bytes; a file of settings has at most {MAX_BYTES:,}"])
    if len(content) <= _SHALLOW:
        return
    depth = 0
    for event in yaml.parse(content, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1
            raise SpecError([f"{path}:{line}: nested deeper than {MAX_DEPTH} levels; make the file simpler"])


def code_in(value: dict[str, Any], where: Path | str) -> list[Code]:
    """All code that a configuration names, in its order.

    Args:
        where: What to call the configuration in an error.

    Raises:
        SpecError: With its aliases written out, the configuration is too large to be one.
    """
    found: list[Code] = []
    waiting: list[Any] = [value]
    count = 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, Code):
            found.append(one)
            continue
        inside = list(one.values()) if isinstance(one, dict) else one
        count += len(inside)
        if count > MAX_NODES:
            raise SpecError([f"{where}: more than {MAX_NODES:,} values, aliases included; make the file simpler"])
        waiting += [part for part in reversed(inside) if isinstance(part, dict | list | Code)]
    return found


def with_code(value: Any, *, package: Path | None) -> Any:
    """A copy of a configuration with the functions themselves in place of their names.

    Args:
        package: lm-eval's folder of tasks; a module in there gets the name under which lm-eval imports it.

    Raises:
        SpecError: There is no such function, or its module cannot be imported.
    """
    if isinstance(value, Code):
        return _function(value, package)
    if isinstance(value, Mapping):
        return {key: with_code(one, package=package) for key, one in value.items()}
    if isinstance(value, list):
        return [with_code(one, package=package) for one in value]
    return value


def _function(code: Code, package: Path | None) -> Any:
    """lm-eval's way to the function: a module beside the file first, else an importable one."""
    where = f"{code.path}:{code.line}: !function {code.name}"
    module_name, _, name = code.name.rpartition(".")
    if not module_name:
        raise SpecError([f"{where}: no module is named; write module.function"])
    beside = code.path.parent / f"{module_name.replace('.', '/')}.py"
    try:
        module = _module(beside.resolve(), package) if beside.is_file() else importlib.import_module(module_name)
    except Exception as error:  # what others wrote may raise anything while it is imported
        raise UserError(f"{where}: cannot be imported ({type(error).__name__}: {error})") from error
    if not hasattr(module, name):
        raise SpecError([f"{where}: {module.__file__} has no '{name}'"])
    return getattr(module, name)


def _module(path: Path, package: Path | None) -> ModuleType:
    """The module of a file, imported once, under the name that lm-eval gives it."""
    if package is not None and path.is_relative_to(package):
        importlib.import_module("lm_eval.tasks")
        name = ".".join(["lm_eval", "tasks", *path.relative_to(package).with_suffix("").parts])
    else:
        name = str(path.with_suffix(""))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
    return module
