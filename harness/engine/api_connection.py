"""The options of a server that say where it is, what it may be told and how patient we are; the key.

The key is read from the environment, here alone, and stands in no option, message or record.
"""

from __future__ import annotations

import os
import re

from harness.engine.base import ModelSpec
from harness.engine.http_exchange import Address, Exchange, agent
from harness.engine.retries import Patience, Server
from harness.errors import BackendError
from harness.redaction import redacted

KEY_VARIABLE = "GLOTBENCH_API_KEY"

_SECRET_OPTIONS = ("key", "api_key", "apikey", "token", "auth", "authorization", "password", "bearer", "secret")


def refuse_secrets(spec: ModelSpec) -> None:
    """Raise :class:`BackendError` for an option that is a secret by its name; the message does not hold it."""
    for option in _SECRET_OPTIONS:
        if option in spec.options:
            raise BackendError(
                f"--model api:{spec.target}: {option}=... would put a secret on the command line; put the key into the "
                f"environment variable {KEY_VARIABLE}, or name yours with key_env=NAME"
            )


def connected(spec: ModelSpec) -> tuple[Address, Server]:
    """The server that ``url`` names, and its address; nothing is sent yet.

    Raises:
        BackendError: An option is wrong, or the key is missing or no key.
    """
    where = f"--model api:{spec.target}"
    url = spec.options.get("url")
    if not url:
        raise BackendError(f"{where}: needs the server's address; add url=http://HOST:PORT/v1")
    try:
        address = Address.parsed(url)
    except ValueError:
        raise BackendError(
            f"{where}: url={redacted(url)} is no address; write http://HOST:PORT/v1 or https://HOST/v1"
        ) from None
    key = _key(spec, where)
    if key and address.authorization:
        raise BackendError(f"{where}: both a key and a user in url; a server takes one of them")
    authorization = f"Bearer {key}" if key else address.authorization
    headers = {"Accept": "application/json", "User-Agent": agent()}
    if authorization:
        headers["Authorization"] = authorization
    exchange = Exchange(address, headers, timeout=_seconds(spec, "timeout", 300.0))
    patience = Patience(
        retries=_count(spec, "retries", 5),
        backoff=_seconds(spec, "backoff", 1.0),
        patience=_seconds(spec, "patience", 1800.0),
    )
    credentials = tuple(filter(None, [key, *address.credentials]))
    return address, Server(exchange=exchange, patience=patience, credentials=credentials, hidden=address.values)


def _key(spec: ModelSpec, where: str) -> str:
    """The key, from the environment; empty for none. No message holds it."""
    name = spec.options.get("key_env", KEY_VARIABLE)
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise BackendError(
            f"{where}: key_env must name an environment variable, in capital letters; the key itself belongs into the "
            "variable, never on the command line"
        )
    key = os.environ.get(name, "").strip()
    if not key and "key_env" in spec.options:
        raise BackendError(f"{where}: the environment variable {name} (key_env) is not set; put the key there")
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        raise BackendError(f"{where}: the key in {name} has characters that no header takes; copy it again")
    return key


def _seconds(spec: ModelSpec, option: str, default: float) -> float:
    text = spec.options.get(option)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) or not float(text):
        raise BackendError(f"--model api:{spec.target}: {option} must be seconds above 0, found '{text}'")
    return float(text)


def _count(spec: ModelSpec, option: str, default: int) -> int:
    text = spec.options.get(option)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,3}", text):
        raise BackendError(f"--model api:{spec.target}: {option} must be a whole number from 0, found '{text}'")
    return int(text)
