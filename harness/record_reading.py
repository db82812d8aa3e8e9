"""The text of ``run.json`` -> a checked record. A record is untrusted: it may come from anybody's disk.

Knows the record's schema, and nothing of where it lies.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from harness.errors import RecordError
from harness.records import SCHEMA_VERSION, RunRecord
from harness.strict_json import strict_json

MAX_BYTES = 500_000_000
"""Largest record; 200 languages, 100 models and 5 metrics make some 100 MB."""


def checked_record(content: bytes, path: Path, *, strict: bool = True) -> RunRecord:
    """The record in the content of a file.

    Args:
        path: The file, for errors.
        strict: Whether to refuse what is no strict JSON; ``False`` only where :func:`check_strictly` has been, or is
            being, asked.

    Raises:
        RecordError: It is no strict JSON, of another version, or not what the schema says.
    """
    try:
        if strict:
            check_strictly(content, path)
        return RunRecord.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:200]
        raise RecordError(f"{path}: not a run record ({place}: {first['msg']}); run the evaluation again") from error
    except ValueError as error:
        raise RecordError(f"{path}: not a run record ({error}); run the evaluation again to rebuild it") from error


def check_strictly(content: bytes, path: Path) -> None:
    """Refuse the content of a file that is too large, no strict JSON, or a record of another version.

    Raises:
        RecordError: It is.
    """
    if len(content) > MAX_BYTES:
        raise RecordError(f"{path}: {len(content):,} bytes; a record has at most {MAX_BYTES:,}")
    try:
        body = strict_json(content)
    except ValueError as error:
        raise RecordError(f"{path}: not a run record ({error}); run the evaluation again to rebuild it") from error
    version = body.get("schema_version") if isinstance(body, dict) else None
    if isinstance(body, dict) and version != SCHEMA_VERSION:
        shown = repr(version)[:40]
        raise RecordError(f"{path}: record has schema version {shown}, this glotbench reads {SCHEMA_VERSION}")
