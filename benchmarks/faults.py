"""What a run survives: killed processes, damaged files, full disks, two runs at once. JSON and a table out.

Run: python benchmarks/faults.py [--kills 60] [--damages 60] [--disks 12] [--pairs 6] [--model-kills 10] [--no-steps]
[--seed 1] [--out FILE] [--table FILE]. Every run is a process of its own that runs ``glotbench run`` (forked from one
that has imported it, so that hundreds of them take minutes), over small tasks in four scripts and the echo backend,
which waits two milliseconds a batch; ``--model-kills`` are of a small random causal model instead. A fault is injected,
the same command is given again until it ends, and its scores are compared, byte by byte, with those of a run that
nothing happened to. ``lost`` counts trials whose scores differ or that did not end; ``again`` is the largest number of
answers that one kill made the model give twice. A full disk is a file system of its own of that size, in a namespace of
the process, where the system allows it without privileges; else a limit on the size of files.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.cli import main as command_line
from harness.doctor import examine_results
from harness.engine.echo import EchoEngine
from harness.export import scores_csv
from harness.store import RunFolder, find_runs
from harness.types import Request, Response

BATCH = 4
WAIT = 0.002
TEXTS = {
    "eng_Latn": "Sentence number {} about water and bread.",
    "amh_Ethi": "ስለ ውሃ እና ዳቦ ዓረፍተ ነገር {}።",
    "nqo_Nkoo": "ߞߎߡߊߘߋ߲ {} ߖߌ ߣߌ߫ ߓߎ߬ߙߎ",
    "tha_Thai": "ประโยคที่ {} เกี่ยวกับน้ำและขนมปัง 👩🏽‍🔬",
}
KINDS = {
    "align": "kind: alignment\nmetrics: [mexa]",
    "mine": "kind: bitext_mining\ndirections: xx-eng\nmetrics: [bitext_f1]",
    "translate": "kind: translation\ndirections: eng-xx\nmetrics: [bleu, chrf++]",
    "perplexity": "kind: perplexity\nmetrics: [bits_per_byte]",
}
ECHO = (*KINDS, "--model", f"echo:x,batch_size={BATCH}")
FILES = ("responses.sqlite", "run.json", "run.json.sha256", "segments.parquet", "statistics.parquet")
CLONE_NEWUSER, CLONE_NEWNS, MS_REMOUNT = 0x10000000, 0x00020000, 32


@dataclass(slots=True, kw_only=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: What was injected. times: How often. lost: Trials whose scores differ, or that did not end well.
        again: Most answers computed twice because of one kill. allowed: How many that may be (one batch).
        hit: Trials in which something was hit at all (a flipped bit may lie in unused space). named: Of those, how many
            the next run spoke of. problems: What went wrong, the first few.
    """

    name: str
    times: int = 0
    lost: int = 0
    again: int = 0
    allowed: int = 0
    hit: int = 0
    named: int = 0
    problems: list[str] = field(default_factory=list)

    def check(self, right: bool, what: str) -> None:
        if not right:
            self.lost += 1
            if len(self.problems) < 5:
                self.problems.append(what[-600:])


def main() -> None:
    """Inject, count, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--damages", type=int, default=60, help="Of every kind of damage, and of every file.")
    parser.add_argument("--disks", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--model-kills", type=int, default=10)
    parser.add_argument("--steps", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sentences", type=int, default=24)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    EchoEngine.answer = _slow(EchoEngine.answer)  # type: ignore[method-assign]
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), random.Random(arguments.seed), sentences=arguments.sentences)
        faults = [
            *([kills(place, arguments.kills)] if arguments.kills else []),
            *([kills_at_steps(place)] if arguments.steps else []),
            *damages(place, arguments.damages),
            *([full_disks(place, arguments.disks)] if arguments.disks else []),
            *(pairs(place, arguments.pairs) if arguments.pairs else []),
            *([model_kills(place, arguments.model_kills)] if arguments.model_kills else []),
        ]
    result = {
        "seed": arguments.seed,
        "seconds": round(time.perf_counter() - begun, 1),
        "faults": [asdict(fault) for fault in faults],
    }
    text = json.dumps(result, indent=1, ensure_ascii=False)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    if arguments.table:
        arguments.table.write_text(table(faults), encoding="utf-8")
    print(text)


class Place:
    """A folder with tasks, and runs in it.

    Attributes:
        calm: Scores of a run that nothing happened to, as CSV. seconds: How long it took. answers: How many it needed.
    """

    def __init__(self, folder: Path, draw: random.Random, *, sentences: int) -> None:
        self.folder = folder
        self.draw = draw
        self._count = 0
        for language, text in TEXTS.items():
            rows = "".join(f"{index}\t{text.format(index)}\n" for index in range(sentences))
            (folder / f"{language}.tsv").write_text("id\ttext\n" + rows, encoding="utf-8")
        for name, body in KINDS.items():
            common = f"languages: [{', '.join(TEXTS)}]\ndataset: {{files: '{{lang}}.tsv', key: id}}\n"
            (folder / f"{name}.yaml").write_text(f"task: {name}\n{body}\n{common}", encoding="utf-8")
        self.measure(ECHO)

    def measure(self, command: Sequence[str]) -> None:
        """Let ``command`` run undisturbed, after everything that it needs has been imported."""
        sys.argv = ["glotbench", *self.full(command, self.new())]
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
            command_line()
        self.calm_folder = self.new()
        begun = time.perf_counter()
        code, said = self.finish(self.start(command, self.calm_folder))
        self.seconds = time.perf_counter() - begun
        if code != 0:
            raise SystemExit(f"an undisturbed run failed:\n{said}")
        self.calm = self.scores(self.calm_folder)
        self.answers = self.answered(self.calm_folder)

    def new(self) -> Path:
        """A results folder that is not there yet."""
        self._count += 1
        return self.folder / f"out{self._count}"

    def full(self, command: Sequence[str], out: Path) -> list[str]:
        """The words of a command line after the program's name."""
        out.mkdir(exist_ok=True)
        return ["run", *command, "--tasks", str(self.folder), "--no-cache", "--out", str(out)]

    def start(self, command: Sequence[str], out: Path, limit: int = 0, steps: int = 0) -> tuple[int, Path]:
        """Begin ``glotbench run`` in a process; its id, and the file of what it says.

        Args:
            limit: Most bytes of a file. steps: Files that are moved or removed before it is killed; 0 for never.
        """
        said = self.folder / f"said{self._count}-{time.monotonic_ns()}"
        identifier = os.fork()
        if identifier == 0:
            if steps:
                _die_after(steps)
            _become(self.full(command, out), said, limit)
        return identifier, said

    def finish(self, started: tuple[int, Path]) -> tuple[int, str]:
        """Exit code (minus the signal's number of a killed one) and output of a process."""
        _, status = os.waitpid(started[0], 0)
        text = started[1].read_text("utf-8", "replace") if started[1].exists() else ""
        started[1].unlink(missing_ok=True)
        return os.waitstatus_to_exitcode(status), text

    def scores(self, out: Path) -> str:
        """Scores of all runs of a results folder, as CSV."""
        return "\n".join(scores_csv(RunFolder(run).record) for run in find_runs(out))

    def answered(self, out: Path) -> int:
        """Answers that models gave for a results folder."""
        log = out / "answered.log"
        return sum(map(int, log.read_text().split())) if log.exists() else 0


def kills(place: Place, times: int, command: Sequence[str] = ECHO, name: str = "SIGKILL at a random moment") -> Fault:
    """Runs killed once, twice or three times and then left alone."""
    fault = Fault(name=name, allowed=BATCH)
    while fault.times < times:
        out, killed = place.new(), 0
        for _ in range(place.draw.choice((1, 1, 2, 3))):
            started = place.start(command, out)
            time.sleep(place.draw.uniform(0, 1.1 * place.seconds))
            os.kill(started[0], signal.SIGKILL)
            killed += place.finish(started)[0] == -signal.SIGKILL
        fault.times += killed
        code, said = place.finish(place.start(command, out))
        fault.check(code == 0 and place.scores(out) == place.calm and not list(examine_results(out)), said)
        if killed:
            fault.again = max(fault.again, -(-(place.answered(out) - place.answers) // killed))
        shutil.rmtree(out)
    return fault


def kills_at_steps(place: Place) -> Fault:
    """Runs killed before every file that they move or remove: in a new folder, after a finished run, after damage."""
    fault = Fault(name="SIGKILL before every move and removal of a file")
    for spoiled in ("", "nothing", "responses.sqlite", "segments.parquet", "run.json"):
        killed, steps = True, 0
        while killed:
            steps += 1
            out = place.new()
            if spoiled:
                shutil.copytree(place.calm_folder, out)
            for file in out.rglob(spoiled):
                file.write_bytes(bytes(50) + file.read_bytes()[50:])
            killed = place.finish(place.start(ECHO, out, steps=steps))[0] == -signal.SIGKILL
            fault.times += killed
            code, said = place.finish(place.start(ECHO, out))
            fault.check(code == 0 and place.scores(out) == place.calm and not list(examine_results(out)), said)
            shutil.rmtree(out)
    return fault


def damages(place: Place, times: int) -> Iterator[Fault]:
    """Finished and killed runs whose files are damaged, each file in turn."""
    changes: dict[str, Callable[[bytes, random.Random], bytes]] = {"bits flipped": _flipped, "cut short": _cut}
    for what, change in changes.items() if times else ():
        for name in FILES:
            fault = Fault(name=f"{name}: {what}")
            for _ in range(times):
                out = place.new()
                shutil.copytree(place.calm_folder, out)
                (file,) = out.rglob(name)
                file.write_bytes(change(file.read_bytes(), place.draw))
                _judge(place, fault, out)
            yield fault
        fault = Fault(name=f"store and log of a killed run: {what}")
        for _ in range(times):
            out = place.new()
            started = place.start(ECHO, out)
            time.sleep(place.draw.uniform(0.3, 0.9) * place.seconds)
            os.kill(started[0], signal.SIGKILL)
            place.finish(started)
            for file in (out / "responses.sqlite", out / "responses.sqlite-wal"):
                if file.exists() and file.stat().st_size:
                    file.write_bytes(change(file.read_bytes(), place.draw))
            _judge(place, fault, out, seen=False)
        yield fault


def full_disks(place: Place, times: int) -> Fault:
    """Runs on a disk of a random size that is too small, and again when it has grown."""
    fault = Fault(name="disk full at a random size")
    size = sum(file.stat().st_size for file in place.calm_folder.rglob("*") if file.is_file())
    for _ in range(times):
        limit = place.draw.randrange(8_192, size)
        disk = place.new()
        disk.mkdir()
        report = place.folder / f"{disk.name}.json"
        identifier = os.fork()
        if identifier == 0:
            try:
                report.write_text(json.dumps(_on_small_disk(place, disk, limit)), "utf-8")
            finally:
                os._exit(0)
        os.waitpid(identifier, 0)
        found = json.loads(report.read_text("utf-8"))
        fault.times += 1
        fault.hit += found["first"] != 0
        fault.named += (
            found["first"] == 2 and found["said"].strip().count("\n") == 0 and "disk is full" in found["said"]
        )
        right = found["first"] in (0, 2) and found["second"] == 0 and found["scores"] == place.calm
        fault.check(right and not found["problems"], json.dumps(found, ensure_ascii=False)[:3000])
        shutil.rmtree(disk)
    return fault


def pairs(place: Place, times: int) -> Iterator[Fault]:
    """Two runs begun at once on one results folder."""
    for name, second, killed in (
        ("two runs of the same question at once", (), False),
        ("the same, the first killed while the second waits", (), True),
        ("two runs of different questions at once", ("--limit", "13"), False),
    ):
        fault = Fault(name=name)
        expected = place.calm
        if second:
            out = place.new()
            place.finish(place.start((*ECHO, *second), out))
            expected = "\n".join(sorted([place.calm, place.scores(out)]))
        for _ in range(times):
            out = place.new()
            both = [place.start(ECHO, out)]
            time.sleep(place.draw.uniform(0, 0.3) * place.seconds)
            both.append(place.start((*ECHO, *second), out))
            if killed:
                time.sleep(place.draw.uniform(0.1, 0.5) * place.seconds)
                os.kill(both[0][0], signal.SIGKILL)
            ended = [place.finish(one) for one in both]
            fault.times += 1
            fault.hit += not second
            fault.named += any("waiting for it to end" in said for _, said in ended)
            found = "\n".join(sorted(scores_csv(RunFolder(run).record) for run in find_runs(out)))
            right = all(code == 0 for code, _ in ended[killed:]) and found == expected
            fault.check(right and not list(examine_results(out)), "\n".join(said for _, said in ended))
            shutil.rmtree(out)
        yield fault


def model_kills(place: Place, times: int) -> Fault:
    """Kills of runs of a small causal model with random weights."""
    from harness.engine.hf import HuggingFaceEngine

    HuggingFaceEngine.answer = _counted(HuggingFaceEngine.answer)  # type: ignore[method-assign]
    model = place.folder / "model"
    _tiny_model(model)
    command = ("mine", "perplexity", "--model", f"hf:{model},name=tiny,batch_size={BATCH}")
    place.measure(command)
    return kills(place, times, command, "SIGKILL of a transformers model at a random moment")


def table(faults: Sequence[Fault]) -> str:
    """Markdown, one row a kind of fault."""
    head = "| fault | times | hit something | named by the next run | answers given twice, at most | lost |"
    rows = [head, "|---|---:|---:|---:|---:|---:|"]
    for fault in faults:
        hit = (str(fault.hit), str(fault.named)) if fault.hit else ("", "")
        again = f"{fault.again} (a batch is {fault.allowed})" if fault.allowed else ""
        rows.append(f"| {fault.name} | {fault.times} | {hit[0]} | {hit[1]} | {again} | {fault.lost} |")
    return "\n".join(rows) + "\n"


def _judge(place: Place, fault: Fault, out: Path, *, seen: bool = True) -> None:
    """Run again over what was damaged; ``seen``: whether the doctor looks at it before."""
    hit = bool(list(examine_results(out))) if seen else False
    code, said = place.finish(place.start(ECHO, out))
    fault.times += 1
    fault.hit += hit or "damaged" in said
    fault.named += "damaged" in said
    right = code == 0 and place.scores(out) == place.calm and not list(examine_results(out))
    fault.check(right and ("damaged" in said or not hit), said)
    shutil.rmtree(out)


def _flipped(content: bytes, draw: random.Random) -> bytes:
    """With one to eight bits flipped; in half the trials in the first 200 bytes, which say what the file is."""
    changed = bytearray(content)
    end = min(200, len(changed)) if draw.random() < 0.5 else len(changed)
    for _ in range(draw.choice((1, 1, 2, 8))):
        changed[draw.randrange(end)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def _slow(answer: Callable[[EchoEngine, Sequence[Request]], list[Response]]) -> Callable[..., list[Response]]:
    def waiting(self: EchoEngine, batch: Sequence[Request]) -> list[Response]:
        time.sleep(WAIT)
        return answer(self, batch)

    return _counted(waiting)


def _counted(answer: Callable[..., list[Response]]) -> Callable[..., list[Response]]:
    """Write down, in the results folder, how many answers were given."""

    def counted(self: object, batch: Sequence[Request]) -> list[Response]:
        out = Path(sys.argv[sys.argv.index("--out") + 1])
        if out.name != "disk":
            with (out / "answered.log").open("a") as log:
                log.write(f"{len(batch)}\n")
        return answer(self, batch)

    return counted


def _die_after(steps: int) -> None:
    """Let this process be killed when it is about to move or remove a file for the ``steps``-th time."""
    count = 0

    def deadly(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*arguments: object, **options: object) -> object:
            nonlocal count
            count += 1
            if count == steps:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*arguments, **options)

        return changed

    for name in ("replace", "unlink"):
        setattr(Path, name, deadly(getattr(Path, name)))


def _become(command: Sequence[str], said: Path, limit: int) -> None:
    """Run a command line in this process and leave; what it says goes to a file."""
    code = 70
    try:
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.argv = ["glotbench", *command]
        command_line()
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _on_small_disk(place: Place, disk: Path, limit: int) -> dict[str, object]:
    """Run on a file system of ``limit`` bytes, give it room, run again."""
    own = _mount(disk, limit)
    out = disk / "disk"
    first, said = place.finish(place.start(ECHO, out, limit=0 if own else limit))
    if own:
        _mount(disk, 64 * 2**20, again=True)
    second, after = place.finish(place.start(ECHO, out))
    scores = place.scores(out) if second == 0 else ""
    problems = list(examine_results(out))
    return {
        "own_disk": own, "limit": limit, "first": first, "said": said, "second": second, "scores": scores,
        "after": after, "problems": problems,
    }  # fmt: skip


def _mount(folder: Path, size: int, *, again: bool = False) -> bool:
    """A file system in memory of ``size`` bytes at ``folder``, for this process and its children; whether it is one."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not again:
        user, group = os.getuid(), os.getgid()
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS):
            return False
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    flags = MS_REMOUNT if again else 0
    return not libc.mount(b"tmpfs", bytes(folder), b"tmpfs", flags, f"size={size}".encode())


def _tiny_model(folder: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from harness.toy import byte_tokenizer

    tokenizer = byte_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=256, pad_token_id=tokenizer.pad_token_id, initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(3)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()
