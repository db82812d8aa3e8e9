"""What pydantic finds wrong -> one plain sentence a mistake, at the place in the file. Knows no rule of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.yaml_reader import Location, Problem, YamlFile, describe, mismatch, shown
from metrics.spelling import did_you_mean

_EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "a mapping",
    "model": "a mapping",
    "list": "a list",
    "tuple": "a list",
    "date": "a date such as 2027-01-31",
}
"""First word of pydantic's error type -> what was expected."""


def problems(model: type[BaseModel], error: ValidationError, file: YamlFile) -> Iterator[Problem]:
    """One problem a place: the several errors of a union's members are told as one."""
    grouped: dict[Location, list[ErrorDetails]] = {}
    for detail in error.errors():
        grouped.setdefault(_location(detail, file), []).append(detail)
    for location, details in grouped.items():
        yield location, _message(model, location, details, file)


def keys_at(model: type[BaseModel], location: Location) -> tuple[str, ...]:
    """Names of the keys that may stand in the mapping at a location."""
    annotation: Any = model
    for part in location:
        if _is_model(annotation):
            field = annotation.model_fields.get(str(part))
            annotation = field.annotation if field else None
        else:
            annotation = next(filter(_is_model, get_args(annotation)), None)
    found = annotation if _is_model(annotation) else next(filter(_is_model, get_args(annotation)), None)
    return tuple(found.model_fields) if found else ()


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _location(detail: ErrorDetails, file: YamlFile) -> Location:
    """Where in the file: without the names of union members that pydantic appends, and without folded ``options``."""
    location: Location = detail["loc"]
    if detail["type"] in ("missing", "extra_forbidden"):
        return location
    while location not in file.spots:
        unfolded = tuple(part for part in location if part != "options")
        if unfolded in file.spots:
            return unfolded
        location = location[:-1]
    return location


def _message(model: type[BaseModel], location: Location, details: list[ErrorDetails], file: YamlFile) -> str:
    first = details[0]
    found = _at(file.value, location)
    match first["type"]:
        case "extra_forbidden":
            keys = keys_at(model, location[:-1])
            hint = did_you_mean(str(location[-1]), keys) or (f"; known: {', '.join(keys)}" if keys else "")
            return f"unknown key{hint}"
        case "missing":
            return "missing; add it"
        case "value_error":
            return str(first["ctx"]["error"])
        case "literal_error" if isinstance(found, str):
            expected = str(first["ctx"]["expected"])
            hint = did_you_mean(found, re.findall(r"'([^']*)'", expected))
            return f"unknown value {shown(found)}{hint}; choose from {expected}"
        case "string_pattern_mismatch" if isinstance(found, str):
            return f"found {shown(found)}, which does not match the pattern {first['ctx']['pattern']}"
        case _:
            return _expected(details, found, file.raw(location))


def _expected(details: list[ErrorDetails], found: object, raw: str | None) -> str:
    kinds = {name: None for detail in details if (name := _EXPECTED.get(detail["type"].split("_")[0]))}
    if not kinds:
        described = shown(found) if isinstance(found, str) else describe(found)
        return f"{details[0]['msg'].replace('Input should', 'should')}, found {described}"
    return mismatch(" or ".join(kinds), found, raw)


def _at(value: Any, location: Location) -> object:
    for part in location:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return None
    return value
