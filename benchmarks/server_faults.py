"""What becomes of a run whose server misbehaves? Counts, not times; writes JSON.

Run: python -m benchmarks.server_faults [--sentences N] [--deaths N] [--out FILE]. A server on this machine answers
translations of N sentences into four languages: once calmly; once with two attempts in five spoiled, by a seed, in
thirteen ways; once refusing one sentence in fifty for good; and once for every death, where it stops answering at a
random moment, the run ends, the server comes back and the same command is given again. Scores are compared with those
of the calm run. A question counts as asked twice where an answer that had come was asked for again.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.engine.models import parse_model
from harness.errors import RunIncompleteError
from harness.export import scores_csv
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from tests.api_server import ApiServer, seeded, serving, write_translation_task

TEXTS = {
    "eng_Latn": "Sentence {} about water, bread and salt.",
    "amh_Ethi": "ስለ ውሃ፣ ዳቦ እና ጨው ዓረፍተ ነገር {}።",
    "arb_Arab": "الجملة {} عن الماء والخبز والملح.",
    "nqo_Nkoo": "ߞߎߡߊߘߋ߲ {} ߖߌ ߣߌ߫ ߓߎ߬ߙߎ",
    "tha_Thai": "ประโยคที่ {} เกี่ยวกับน้ำและขนมปัง",
}
_BATCH = 32


def scored(tasks: Path, out: Path, server: ApiServer, options: str = "") -> tuple[str, int]:
    """A run's scores as CSV, and how many segments failed."""
    model = parse_model(f"api:toy,url={server.url},revision=1,backoff=0.005,timeout=0.5{options}")
    record = RunFolder(
        run(RunPlan(tasks=load_tasks(["translate"], [tasks]), models=[model], out=out), lambda *_: None)
    ).record
    return scores_csv(record), sum(score.n_failed for score in record.scores)


def dies(tasks: Path, out: Path, calm: str, moment: int) -> dict[str, int | bool]:
    """A run whose server answers ``moment`` questions and then none, and the same command once it is back."""
    alive = moment

    def behaviour(_service: str, _payload: Mapping[str, object], _attempt: int) -> str:
        return "ok" if len(server.asked) <= alive else "503"

    with serving(behaviour=behaviour) as server:
        stopped = False
        try:
            scored(
                tasks, out, server, ",retries=1,timeout=30"
            )  # near its end a run has too little left to be stopped by
        except RunIncompleteError:
            stopped = True
        alive = 10**9
        found, failed = scored(tasks, out, server, ",retries=1,timeout=30")
        greetings = 2
        twice = server.faults["ok"] - 2 * greetings - (len(TEXTS) - 1) * _sentences(tasks)
        return {"stopped": stopped, "asked twice": twice, "failed": failed, "scores equal": found == calm}


def _sentences(tasks: Path) -> int:
    return len((tasks / "eng_Latn.tsv").read_text(encoding="utf-8").splitlines()) - 1


def main() -> None:
    """Run all of it and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=250)
    parser.add_argument("--deaths", type=int, default=20)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    answers = arguments.sentences * (len(TEXTS) - 1)
    result: dict[str, object] = {"answers": answers}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = write_translation_task(folder / "tasks", TEXTS, arguments.sentences)
        with serving() as server:
            calm, _ = scored(tasks, folder / "calm", server)
        with serving(behaviour=seeded(11, 0.4), slow=0.6) as server:
            found, failed = scored(tasks, folder / "rough", server, ",retries=12")
            faults = {fault: count for fault, count in sorted(server.faults.items()) if fault != "ok"}
            result["spoiled attempts"] = faults
            result["through spoiled attempts"] = {
                "attempts": len(server.asked),
                "spoiled": sum(faults.values()),
                "failed": failed,
                "scores equal": found == calm,
            }

        def refuses(_service: str, payload: Mapping[str, object], _attempt: int) -> str:
            words = str(payload.get("prompt", "")).split()
            return "400" if any(word.isdecimal() and int(word) % 50 == 0 for word in words) else "ok"

        with serving(behaviour=refuses) as server:
            _, failed = scored(tasks, folder / "refused", server)
            result["refused for good"] = {"refused": server.faults["400"], "failed": failed}
        draw = random.Random(5)
        moments = [draw.randrange(2 + _BATCH, answers - _BATCH) for _ in range(arguments.deaths)]
        deaths = [dies(tasks, folder / f"dead{place}", calm, moment) for place, moment in enumerate(moments)]
        result["deaths"] = {
            "deaths": len(deaths),
            "runs stopped": sum(bool(one["stopped"]) for one in deaths),
            "scores equal": sum(bool(one["scores equal"]) for one in deaths),
            "failed": sum(int(one["failed"]) for one in deaths),
            "most asked twice": max(int(one["asked twice"]) for one in deaths),
        }
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
