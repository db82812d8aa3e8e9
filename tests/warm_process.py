"""``glotbench`` in processes that begin with torch and transformers imported, which otherwise takes each six seconds.

A server imports them, and nothing of ours, and waits at a socket. What asks it (this file as a program, for tests and
for their shells) hands it arguments, environment, working folder and its three streams; a process forked for it runs
the command line and ends as any process does. It differs from a fresh one in what was read at the import of those
packages (``HF_HOME``, ``HF_HUB_OFFLINE``) and in that hashes of texts are alike in all processes of a server.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

MODULES = (
    "sentence_transformers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama",
)
_SIZE = 1 << 20
_STREAMS = (0, 1, 2)
_SET_BY_MAIN = {"TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""What ``glotbench`` sets before it imports any of the packages, some of which read it as they are imported."""


@functools.cache
def command() -> tuple[str, ...]:
    """What to begin a command line with in place of ``glotbench``; its server lives as long as this process."""
    folder = tempfile.mkdtemp(prefix="warm-")  # pytest's own are too deep for the address of a socket
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path, own = f"{folder}/socket", Path(__file__).resolve()
    server = subprocess.Popen(
        [sys.executable, own, "serve", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **_SET_BY_MAIN, "PYTHONPATH": str(own.parents[1]), "HF_HUB_OFFLINE": "1"},
    )
    atexit.register(_stop, server)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return (sys.executable, "-I", "-S", str(own), path)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.communicate()


def ask(path: str, arguments: list[str]) -> int:
    """Have the server at ``path`` run a command line with this process' streams; its exit code."""
    text = json.dumps({"arguments": arguments, "environment": dict(os.environ), "folder": str(Path.cwd())})
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [b"."], _STREAMS)
        server.sendall(text.encode())
        server.shutdown(socket.SHUT_WR)
        answer = server.recv(16)
    return int(answer or b"1")


def serve(path: str) -> None:
    """Import :data:`MODULES`, then run what is asked until standard input ends, which is when the tests are over."""
    import gc
    import importlib
    import select

    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if listener not in ready:
                return
            asking, _ = listener.accept()
            with asking:
                if os.fork() == 0:
                    listener.close()
                    _run(asking)
            while _reaped():
                pass


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _run(asking: socket.socket) -> None:
    """Run one command line in a child, and tell its exit code; never returns to the server's loop."""
    _, streams, _, _ = socket.recv_fds(asking, 1, len(_STREAMS))
    parts = []
    while part := asking.recv(_SIZE):
        parts.append(part)
    asked = json.loads(b"".join(parts))
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        asking.sendall(str(code).encode())
        os._exit(0)
    asking.close()
    for stream, own in zip(streams, _STREAMS, strict=True):
        os.dup2(stream, own)
        os.close(stream)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = ["glotbench", *asked["arguments"]]
    sys.path[0] = ""
    from harness.cli import main

    main()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
