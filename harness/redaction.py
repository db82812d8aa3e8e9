"""Secrets out of texts that people will read: keys, tokens, passwords in addresses.

For whatever goes to a record, a note, an error or a log. A text is redacted before it is shortened, since half a secret
would not be recognised. Knows nothing of models; a value that the caller knows to be secret is given to it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

HIDDEN = "***"

_SHORTEST = 4
"""Characters that a value must have to be looked for: a shorter one is no secret, and stands in every text."""

_NAMES = r"(?:[a-z_]*api[_-]?key|key|[a-z_]*token|[a-z_]*secret|password|passwd|authorization|signature|sig)"
_PATTERNS = (
    # user and password of an address: up to the last @ before the path, or further where a password has a slash in it
    (re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^\s/?#:]*:(?!\d+/)[^\s,]*|[^\s/?#]*)@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    # every value in the query of an address; an option may follow the address
    (re.compile(r"(https?://[^\s?#]*\?)[^\s#]*?(?=[\s#\"'<>]|,[a-z_]+=|$)", re.IGNORECASE), None),
    (re.compile(rf"([?&,;]{_NAMES}=)[^\s&]+?(?=[\s&]|,[a-z_]+=|$)", re.IGNORECASE), rf"\1{HIDDEN}"),
    # the two schemes of HTTP authorization, and the tokens of the hub and of OpenAI-like servers by their beginnings
    (re.compile(r"\b(Bearer|Basic)(\s+|%20)[^\s\"',;]{6,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"\b(hf_|sk-)[A-Za-z0-9_-]{16,}"), rf"\1{HIDDEN}"),
)

_SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)$")
_SHORTEST_OF_ENVIRONMENT = 8


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with ``***`` for every ``secret``, however it is written down, and for what looks like one.

    Looks like one: user and password, and values in the query, of an address; the value of ``api_key=``, ``token=`` and
    the like in a list of options; what follows ``Bearer`` or ``Basic``; ``hf_...`` and ``sk-...``.
    """
    for spelling in sorted({form for secret in secrets for form in spellings(secret)}, key=len, reverse=True):
        text = text.replace(spelling, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(_query_hidden if replacement is None else replacement, text)
    return text


def spellings(secret: str) -> set[str]:
    """The ways in which a secret may stand in a text: bare, within JSON, within an address, in Base64."""
    if len(secret) < _SHORTEST:
        return set()
    encoded = base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii")
    quoted = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    addressed = {quote(secret, safe="", errors="replace"), quote(secret, errors="replace"), unquote(secret)}
    return {
        form
        for form in {secret, encoded, *quoted, *(one.replace("/", "\\/") for one in quoted), *addressed}
        if len(form) >= _SHORTEST
    }


def is_secret_name(name: str) -> bool:
    """Whether an option or a field of a query is called like a secret."""
    return re.fullmatch(_NAMES, name, re.IGNORECASE) is not None


def environment_secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of variables that are named like secrets (``HF_TOKEN``, ``GLOTBENCH_API_KEY``) and long enough for one."""
    return tuple(
        value
        for name, value in environment.items()
        if _SECRET_NAME.search(name.upper()) and len(value) >= _SHORTEST_OF_ENVIRONMENT
    )


def _query_hidden(found: re.Match[str]) -> str:
    """An address with the names of its query and without their values."""
    address, _, query = found.group(0).partition("?")
    parts = [part.partition("=")[0] + f"={HIDDEN}" if "=" in part else HIDDEN for part in query.split("&")]
    return f"{address}?{'&'.join(parts)}"
