"""A Hugging Face hub on localhost, as much of it as ``datasets`` and ``huggingface_hub`` ask for.

Found out by logging what ``load_dataset`` of datasets 5.2 requests: a repository's information by revision, its tree,
the information of single paths, and its files. Repositories are given as bytes by path; a revision is a commit's hash.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class FakeHub:
    """What is served, and what was asked for.

    Attributes:
        repositories: ``org/name`` -> commit -> path -> content; the last commit is ``main``.
        files: Address path -> content, for plain downloads.
        failures: Address path -> how many times to answer 503 first.
        asked: Method and path of every request, in order.
    """

    repositories: dict[str, dict[str, Mapping[str, bytes]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def commit(self, repository: str, content: Mapping[str, bytes]) -> str:
        """Add a commit; its hash."""
        digest = hashlib.sha1(repr(sorted(content.items())).encode()).hexdigest()
        self.repositories.setdefault(repository, {})[digest] = content
        return digest


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve on a free port of localhost until the block ends."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.asked.append(f"{self.command} {path}")
        if self.hub.failures.get(path, 0) > 0:
            self.hub.failures[path] -= 1
            self._send(503, b"busy")
        elif path in self.hub.files:
            self._send(200, self.hub.files[path])
        elif match := re.fullmatch(r"/datasets/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.*)", path):
            self._file(match[1], match[2], match[3])
        elif match := re.fullmatch(
            r"/api/datasets/([\w.-]+/[\w.-]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?", path
        ):
            self._api(match[1], match[2] or "revision", match[3] or "main", match[4] or "", body)
        else:
            self._send(404, b"{}")

    def _commit(self, repository: str, revision: str) -> str | None:
        commits = self.hub.repositories.get(repository, {})
        if not commits:
            self._send(401, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository Not Found"})
            return None
        found = list(commits)[-1] if revision == "main" else revision
        if found not in commits:
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
            return None
        return found

    def _file(self, repository: str, revision: str, name: str) -> None:
        commit = self._commit(repository, revision)
        if commit is None:
            return
        content = self.hub.repositories[repository][commit].get(name)
        if content is None:
            missing = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found", "X-Repo-Commit": commit}
            self._send(404, b"", missing)
            return
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        self._send(200, content, {"ETag": etag, "X-Repo-Commit": commit, "Accept-Ranges": "bytes"})

    def _api(self, repository: str, what: str, revision: str, below: str, body: bytes) -> None:
        commit = self._commit(repository, revision)
        if commit is None:
            return
        files = self.hub.repositories[repository][commit]
        if what == "revision":
            siblings = [{"rfilename": name} for name in files]
            value: object = {"id": repository, "sha": commit, "siblings": siblings, "private": False, "tags": []}
        elif what == "tree":
            prefix = f"{below}/" if below else ""
            value = [_entry(name, files) for name in _names(files) if name.startswith(prefix)]
            if "recursive=true" not in self.path.lower():
                value = [one for one in value if "/" not in one["path"][len(prefix) :]]
            if prefix and not value:
                self._send(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
                return
        else:
            asked = json.loads(body)["paths"] if body.startswith(b"{") else re.findall(rb"paths=([^&]*)", body)
            names = [unquote(one.decode() if isinstance(one, bytes) else one).rstrip("/") for one in asked]
            value = [_entry(name, files) for name in names if name in _names(files)]
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _names(files: Mapping[str, bytes]) -> list[str]:
    """Files and the folders they are in."""
    folders = {name[:cut] for name in files for cut in range(len(name)) if name[cut] == "/"}
    return [*sorted(folders), *files]


def _entry(name: str, files: Mapping[str, bytes]) -> dict[str, object]:
    if name not in files:
        return {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
    oid = hashlib.sha1(files[name]).hexdigest()
    return {"type": "file", "path": name, "oid": oid, "size": len(files[name])}
