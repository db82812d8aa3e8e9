"""A real HTTP server in the OpenAI form on this machine, which misbehaves as it is told to, by a seed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import yaml

Behaviour = Callable[[str, Mapping[str, Any], int], str]
"""``behaviour(service, payload, attempt)``: what becomes of a question; ``ok``, or one of the names in ``_spoiled``."""

FAULTS = (
    "429",
    "500",
    "502",
    "503",
    "504",
    "half",
    "half-chunked",
    "empty",
    "garbage",
    "shape",
    "close",
    "reset",
    "slow",
)


class Model(Protocol):
    """What stands behind the server."""

    def write(self, prompt: str, payload: Mapping[str, Any]) -> str: ...

    def tokens(self, text: str) -> list[tuple[str, float | None, Mapping[str, float] | None]]:
        """Of every token its text, its log-probability and the likeliest one with its own."""


class Letters:
    """A model whose tokens are words with the space before them, or what ``merges`` says first; a text in the order of
    its letters reversed is what it writes."""

    def __init__(self, *merges: str, bos: bool = False) -> None:
        self._pattern = re.compile("|".join([*map(re.escape, merges), r"\s?[^\s]+", r"\s"]))
        self._bos = bos

    def write(self, prompt: str, payload: Mapping[str, Any]) -> str:
        mark = f"[{payload['seed']}]" if "seed" in payload else ""
        return prompt.rpartition("\n")[2][::-1] + mark + "\nnext"

    def tokens(self, text: str) -> list[tuple[str, float | None, Mapping[str, float] | None]]:
        found: list[tuple[str, float | None, Mapping[str, float] | None]] = [("<s>", None, None)] if self._bos else []
        for piece in self._pattern.findall(text):
            value = -(int.from_bytes(hashlib.sha256(piece.encode()).digest()[:2], "little") % 97 + 1) / 8
            top = value if len(piece) % 2 else value / 2
            found.append((piece, value, {"?": top}) if found else (piece, None, None))
        return found


class Transformer:
    """A causal model of transformers, with the special tokens of its tokenizer, as vLLM serves it."""

    def __init__(self, folder: Path) -> None:
        import transformers

        self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
        self._model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
        self._lock = threading.Lock()

    def write(self, prompt: str, payload: Mapping[str, Any]) -> str:
        import torch

        ids = self._ids(prompt)
        with self._lock, torch.inference_mode():
            found = self._model.generate(
                torch.tensor([ids]), max_new_tokens=payload["max_tokens"], do_sample=False, pad_token_id=0
            )[0, len(ids) :]
        text = str(self._tokenizer.decode(found, skip_special_tokens=True))
        return min((text.split(stop, maxsplit=1)[0] for stop in payload.get("stop", [])), key=len, default=text)

    def tokens(self, text: str) -> list[tuple[str, float | None, Mapping[str, float] | None]]:
        import torch

        ids = self._ids(text)
        with self._lock, torch.inference_mode():
            rows = torch.log_softmax(self._model(torch.tensor([ids])).logits[0].float(), dim=-1)
        texts = [self._tokenizer.decode([one]) for one in ids]
        found: list[tuple[str, float | None, Mapping[str, float] | None]] = [(texts[0], None, None)]
        for place, one in enumerate(ids[1:]):
            best = rows[place].max()
            found.append((texts[place + 1], float(rows[place, one]), {"best": float(best)}))
        return found

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text)["input_ids"])


class ApiServer(ThreadingHTTPServer):
    """The server.

    Args:
        model: What answers. behaviour: What becomes of each question. key: Needed in ``Authorization``, if any.
        takes: Which of ``echo`` and ``prompt_logprobs`` it understands.
        slow: Seconds that a slow answer takes. retry_after: Seconds said with a 429. listed: What ``/models`` says.
        reasoning: Said beside the answers of conversations. keeps: Whether connections stay open.

    Attributes:
        url: Its address. asked: Questions in the order of their arrival: service, payload, headers.
        faults: How often each behaviour was shown.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        model: Model,
        *,
        behaviour: Behaviour = lambda *_: "ok",
        key: str = "",
        takes: Sequence[str] = ("echo",),
        slow: float = 2.0,
        retry_after: str = "",
        listed: Sequence[Mapping[str, Any]] = ({"id": "toy", "root": "org/toy", "created": 1},),
        reasoning: str = "",
        keeps: bool = True,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model, self.behaviour, self.key, self.takes = model, behaviour, key, takes
        self.slow, self.retry_after, self.listed, self.reasoning = slow, retry_after, listed, reasoning
        self.keeps = keeps
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.asked: list[tuple[str, Mapping[str, Any], Mapping[str, str]]] = []
        self.faults: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what is tested here."""


@contextlib.contextmanager
def serving(model: Model | None = None, **options: Any) -> Iterator[ApiServer]:
    """A server that runs while the context is open."""
    server = ApiServer(model or Letters(), **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def seeded(seed: int, share: float, faults: Sequence[str] = FAULTS, *, since: int = 0) -> Behaviour:
    """Every attempt fails with probability ``share``, each in one of the ways; an attempt at a question fares the same
    whatever else is asked. The first ``since`` questions, with which an engine greets, go well."""
    seen = iter(range(10**9))

    def behaviour(service: str, payload: Mapping[str, Any], attempt: int) -> str:
        if next(seen) < since:
            return "ok"
        drawn = random.Random(f"{seed}/{service}/{json.dumps(payload, sort_keys=True)}/{attempt}")
        return drawn.choice(list(faults)) if drawn.random() < share else "ok"

    return behaviour


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _serve(self, payload: Mapping[str, Any]) -> None:
        own = self.server
        service = self.path.partition("?")[0].removeprefix("/v1")
        question = f"{service} {json.dumps(payload, sort_keys=True)}"
        with own.lock:
            own.asked.append((service, payload, dict(self.headers.items())))
            attempt = own.attempts[question]
            own.attempts[question] += 1
            behaviour = own.behaviour(service, payload, attempt)
            own.faults[behaviour] += 1
        if own.key and self.headers.get("Authorization") != f"Bearer {own.key}":
            behaviour = "401"
        if behaviour != "ok":
            self._spoiled(behaviour, payload)
            return
        status, answer = self._answer(service, payload)
        self._send(status, json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        if not self.server.keeps:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def _spoiled(self, behaviour: str, payload: Mapping[str, Any]) -> None:
        said = f"you sent {self.headers.get('Authorization', 'no key')} to {self.path}"
        match behaviour:
            case "empty":
                self._send(200, b"")
            case "garbage":
                self._send(200, b"\x00<html>\xff\xfe proxy error")
            case "shape":
                self._send(200, b'{"choices": [{"text": null}], "data": [{}]}')
            case "half":
                self._send(200, b'{"choices": [{"text": "hal', Content_Length="4000")
                self.close_connection = True
            case "half-chunked":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"400\r\n{'cho")
                self.close_connection = True
            case "close":
                self.close_connection = True
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            case "slow":
                time.sleep(self.server.slow)
                self.close_connection = True
            case "trickle":
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                for _ in range(1000):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.02)
            case _:
                waiting = {"Retry_After": self.server.retry_after} if behaviour == "429" else {}
                status, _, message = behaviour.partition(" ")
                body = json.dumps({"error": {"message": message or f"{said}; status {status}"}}).encode()
                self._send(int(status), body, **waiting)

    def _answer(self, service: str, payload: Mapping[str, Any]) -> tuple[int, object]:
        own = self.server
        match service:
            case "/models":
                return 200, {"data": list(own.listed)}
            case "/embeddings":
                texts = payload["input"]
                rows = [{"index": place, "embedding": embedded(text)} for place, text in enumerate(texts)]
                return 200, {"data": rows[::-1]}
            case "/chat/completions":
                text = own.model.write(payload["messages"][-1]["content"], payload)
                message = {"role": "assistant", "content": text, "reasoning_content": own.reasoning or None}
                return 200, {"choices": [{"message": message, "finish_reason": "stop"}]}
            case "/completions":
                return self._completed(payload)
        return 404, {"error": {"message": f"no {service} here"}}

    def _completed(self, payload: Mapping[str, Any]) -> tuple[int, object]:
        takes, prompt = self.server.takes, payload["prompt"]
        tokens = self.server.model.tokens(prompt)
        usage = {"prompt_tokens": len(tokens)}
        if payload.get("echo") and "echo" in takes:
            tokens = [*tokens, ("!", -0.5, {"!": -0.5})]  # what it wrote
            logprobs = {
                "tokens": [text for text, _, _ in tokens],
                "token_logprobs": [value for _, value, _ in tokens],
                "top_logprobs": [top for _, _, top in tokens],
            }
            return 200, {"choices": [{"text": prompt, "logprobs": logprobs}], "usage": usage}
        choice: dict[str, Any] = {"text": self.server.model.write(prompt, payload)}
        if "prompt_logprobs" in payload and "prompt_logprobs" in takes:
            choice["prompt_logprobs"] = [_ranked(*token) for token in tokens]
        return 200, {"choices": [choice], "usage": usage}


def embedded(text: str) -> list[float]:
    """Eight numbers of a text."""
    return [byte / 255 for byte in hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]]


def _ranked(text: str, value: float | None, top: Mapping[str, float] | None) -> dict[str, Any] | None:
    if value is None or top is None:
        return None
    best = max(top.values())
    own = {"7": {"logprob": value, "rank": 1 if value >= best else 5, "decoded_token": text}}
    return own if value >= best else {**own, "9": {"logprob": best, "rank": 1, "decoded_token": "?"}}


def write_translation_task(folder: Path, texts: Mapping[str, str], sentences: int) -> Path:
    """A translation task from English into the other languages of ``texts``, whose sentences have a number in them."""
    folder.mkdir(exist_ok=True)
    for language, text in texts.items():
        rows = "".join(f"{number}\t{text.format(number)}\n" for number in range(sentences))
        (folder / f"{language}.tsv").write_text("id\ttext\n" + rows, encoding="utf-8")
    spec = {
        "task": "translate",
        "kind": "translation",
        "dataset": {"files": "{lang}.tsv", "key": "id"},
        "languages": list(texts),
        "directions": "eng-xx",
        "prompts": {"p": {"doc_to_text": "{{target_language}} {{source}}", "doc_to_target": "target"}},
        "metrics": ["chrf++"],
    }
    (folder / "translate.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return folder
