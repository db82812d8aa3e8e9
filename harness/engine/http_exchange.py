"""One request to a server and its answer, over connections that stay open: one for every thread.

The standard library's client: what it leaves open is decided here. A body that ends early, that does not end in time or
that does not end at all is an :class:`ExchangeError`, as is a server that cannot be reached. Redirections are not
followed, so that a key goes to no other host. Proxies are those of the environment. Knows neither models nor retries.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import harness
from harness.redaction import is_secret_name

_CONNECT_S = 30.0
_LONGEST_BODY = 256 * 2**20
_PIECE = 2**16
_AS_THEY_ARE = "/%~:@!$&'()*+,;="
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class ExchangeError(Exception):
    """No whole answer came; the message says in what way."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent: the status, its headers by lower-case name, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is.

    Attributes:
        shown: The address for people, without user, password and query.
        path: What stands before the name of every service, without a slash at its end. query: What follows it.
        authorization: Header for the user and password that stood in the address; empty for none.
        credentials: What of the address is a secret for sure. values: All values of the query, of which some may be.
    """

    scheme: str
    host: str
    port: int
    shown: str
    path: str
    query: str
    authorization: str = ""
    credentials: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    @classmethod
    def parsed(cls, url: str) -> Address:
        """The parts of ``http://[user:password@]host[:port][/path][?query]``.

        Raises:
            ValueError: It is none; the message may hold a part of it.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("no address")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        path = quote(parts.path.rstrip("/"), safe=_AS_THEY_ARE)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        both = f"{user}:{password}"
        encoded = base64.b64encode(both.encode()).decode("ascii")
        pairs = [part.partition("=")[::2] for part in parts.query.split("&") if part]
        secret = [value for name, value in pairs if is_secret_name(name)]
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port,
            shown=f"{parts.scheme}://{_place(parts)}{path}",
            path=path,
            query=quote(parts.query, safe=_AS_THEY_ARE + "?"),
            authorization=f"Basic {encoded}" if user or password else "",
            credentials=tuple(filter(None, [password or user, *([both, encoded] if password else []), *secret])),
            values=tuple(value or name for name, value in pairs),
        )


class _Held(threading.local):
    """The connection of a thread, its socket (which the connection itself forgets once the server says that it will
    close), and whether it has carried an answer already."""

    def __init__(self) -> None:
        self.connection: http.client.HTTPConnection | None = None
        self.socket: socket.socket | None = None
        self.used = False


@dataclass(slots=True)
class Exchange:
    """Speaks with one server.

    Args:
        address: Where. headers: Sent with every request. timeout: Seconds for a whole answer.
    """

    address: Address
    headers: Mapping[str, str]
    timeout: float
    _held: _Held = field(default_factory=_Held, init=False)
    _open: set[socket.socket] = field(default_factory=set, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _closed: bool = field(default=False, init=False)

    def ask(self, service: str, body: bytes | None) -> Answer:
        """``POST`` of a JSON body, or ``GET`` where there is none.

        A kept connection that the server has closed in the meantime is replaced once.

        Raises:
            ExchangeError: No whole answer came in time.
        """
        for _ in range(2):
            fresh = self._held.connection is None or not self._held.used
            try:
                return self._once(service, body)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
                self._drop()
                if fresh:
                    raise ExchangeError(f"the server closed the connection ({_said(error)})") from error
            except TimeoutError as error:
                self._drop()
                raise ExchangeError(f"no whole answer within {self.timeout:g} s") from error
            except http.client.IncompleteRead as error:
                self._drop()
                raise ExchangeError("the answer ends in the middle") from error
            except ssl.SSLError as error:
                self._drop()
                raise ExchangeError(f"no secure connection ({_said(error)})") from error
            except http.client.HTTPException as error:
                self._drop()
                raise ExchangeError(f"the answer is no HTTP ({_said(error)})") from error
            except (OSError, UnicodeError) as error:  # a host's name may be no name
                self._drop()
                raise ExchangeError(f"the server cannot be reached ({_said(error)})") from error
        raise ExchangeError("the server closed the connection")

    def close(self) -> None:
        """Close every connection for good; a thread that waits for an answer is woken and gets none."""
        with self._lock:
            sockets, self._open, self._closed = self._open, set(), True
        for one in sockets:
            with contextlib.suppress(OSError):  # the other side was faster
                one.shutdown(socket.SHUT_RDWR)

    def _once(self, service: str, body: bytes | None) -> Answer:
        end = time.monotonic() + self.timeout
        connection = self._connected()
        target = f"{self.address.path}{service}" + (f"?{self.address.query}" if self.address.query else "")
        if self.address.scheme == "http" and self._proxy() is not None:
            target = f"http://{self.address.host}:{self.address.port}{target}"
        headers = {**self.headers, **({"Content-Type": "application/json"} if body is not None else {})}
        connection.request("GET" if body is None else "POST", target, body, headers)
        response = connection.getresponse()
        found = self._body(response, end)
        response.close()
        self._held.used = True
        if response.will_close:
            self._drop()
        return Answer(response.status, {name.lower(): text for name, text in response.getheaders()}, found)

    def _body(self, response: http.client.HTTPResponse, end: float) -> bytes:
        """The body, piece by piece, so that one that trickles is given up in time."""
        pieces: list[bytes] = []
        size = 0
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if self._held.socket is not None:
                self._held.socket.settimeout(left)
            piece = response.read1(_PIECE)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
            if size > _LONGEST_BODY:
                raise http.client.HTTPException(f"more than {_LONGEST_BODY >> 20} MiB")
        if response.length:
            raise http.client.IncompleteRead(b"")
        return b"".join(pieces)

    def _connected(self) -> http.client.HTTPConnection:
        if self._held.connection is None:
            made = self._made()
            made.connect()
            made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._held.connection, self._held.socket, self._held.used = made, made.sock, False
            with self._lock:
                self._open.add(made.sock)
                if self._closed:
                    raise OSError("closed here")
        if self._held.socket is not None:
            self._held.socket.settimeout(self.timeout)
        return self._held.connection

    def _made(self) -> http.client.HTTPConnection:
        address, proxy = self.address, self._proxy()
        host, port = (proxy.hostname or "", proxy.port or 80) if proxy is not None else (address.host, address.port)
        if address.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=_CONNECT_S)
        secure = http.client.HTTPSConnection(host, port, timeout=_CONNECT_S, context=ssl.create_default_context())
        if proxy is not None:
            secure.set_tunnel(address.host, address.port)
        return secure

    def _proxy(self) -> SplitResult | None:
        if self.address.host in _THIS_MACHINE or proxy_bypass(self.address.host):
            return None
        named = getproxies().get(self.address.scheme)
        return urlsplit(named if "://" in named else f"http://{named}") if named else None

    def _drop(self) -> None:
        connection, held = self._held.connection, self._held.socket
        self._held.connection, self._held.socket, self._held.used = None, None, False
        if held is not None:
            with self._lock:
                self._open.discard(held)
        if connection is not None:
            connection.close()


def agent() -> str:
    """What we call ourselves to a server."""
    return f"glotbench/{harness.__version__}"


def _place(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port}" if parts.port else str(host)


def _said(error: Exception) -> str:
    """The first line of what an error says, in a form that holds no part of a request."""
    text = str(error).strip()
    return text.splitlines()[0][:120] if text else type(error).__name__
