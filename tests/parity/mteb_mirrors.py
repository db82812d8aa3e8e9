"""Small copies of mteb's data sets, each in the layout of its repository, with texts in many scripts."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

Row = Mapping[str, object]

WORDS = ("ውሃ", "ماء", "ရေ", "น้ำ", "水", "ߖߌ", "🌊", "вода", "ջուր", "წყალი")
MARKS = "ሀበየደማሪโลกဃခງ語あßñж"


def sentence(draw: random.Random, topic: int = 0, words: int = 4) -> str:
    """Some words, of which the first says the topic most of the time."""
    first = WORDS[topic if draw.random() < 0.7 else draw.randrange(len(WORDS))]
    return " ".join([first, *("".join(draw.choices(MARKS, k=3)) for _ in range(words))])


def near(draw: random.Random, text: str) -> str:
    """The sentence with some of its words changed."""
    return " ".join(word if draw.random() < 0.5 else "".join(draw.choices(MARKS, k=3)) for word in text.split())


def write(root: Path, path: str, files: Mapping[str, Sequence[Row]]) -> None:
    """A repository: ``CONFIG/SPLIT`` to rows, with a README that says so."""
    configs: dict[str, list[dict[str, str]]] = {}
    for name, rows in files.items():
        file = root / path / f"{name}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        config, _, split = name.rpartition("/")
        configs.setdefault(config or "default", []).append({"split": split, "path": f"{name}.jsonl"})
    header = [{"config_name": config, "data_files": found} for config, found in configs.items()]
    (root / path / "README.md").write_text(f"---\n{json.dumps({'configs': header})}\n---\n", encoding="utf-8")


def bitext(root: Path) -> None:
    draw = random.Random(1)
    rows = {}
    for pair in ("ara-eng", "amh-eng"):
        first = [sentence(draw, words=3) for _ in range(80)]
        rows[f"{pair}/test"] = [{"sentence1": text, "sentence2": near(draw, text), "lang": pair} for text in first]
    write(root, "mteb/tatoeba-bitext-mining", rows)
    codes = ("amh_Ethi", "eng_Latn", "tha_Thai")
    shared = [sentence(draw, words=3) for _ in range(60)]
    parallel = [{code: near(draw, text) for code in codes} for text in shared]
    write(root, "mteb/FloresBitextMining", {"devtest": parallel})


def similarity(root: Path) -> None:
    draw = random.Random(2)

    def rows(score: str) -> list[Row]:
        first = [sentence(draw) for _ in range(60)]
        return [{"sentence1": text, "sentence2": near(draw, text), score: draw.randrange(11) / 2} for text in first]

    write(root, "mteb/stsb_multi_mt", {"zh/test": rows("similarity_score"), "zh/dev": rows("similarity_score")})
    write(root, "mteb/sts17-crosslingual-sts", {f"{name}/test": rows("score") for name in ("ar-ar", "en-ar")})


def labelled(root: Path) -> None:
    draw = random.Random(3)

    def rows(count: int, classes: int, text: str = "text", label: str = "label") -> list[Row]:
        topics = [draw.randrange(classes) for _ in range(count)]
        return [{text: sentence(draw, topic), label: topic} for topic in topics]

    write(
        root,
        "mteb/amazon_counterfactual",
        {f"{name}/{split}": rows(120, 2) for name in ("en", "en-ext", "ja") for split in ("train", "test")},
    )
    several = {}
    for split, count in (("train", 80), ("test", 50)):
        labels = [sorted(draw.sample(range(5), draw.randrange(1, 3))) for _ in range(count)]
        several[f"de/{split}"] = [
            {"text": " ".join(sentence(draw, one, 1) for one in own), "labels": own, "label": own} for own in labels
        ]
    write(root, "mteb/eurlex-multilingual", several)
    topics = ("geography", "health", "science/technology")
    write(
        root,
        "mteb/sib200",
        {
            f"{name}/{split}": [
                {"index_id": number, "category": topics[number % 3], "text": sentence(draw, number % 3)}
                for number in range(count)
            ]
            for name in ("nqo_Nkoo", "mya_Mymr")
            for split, count in (("train", 40), ("validation", 10), ("test", 30))
        },
    )
    write(root, "ClementeH/SpanishWikinewsClustering", {"p2p/test": rows(90, 4, "sentences", "labels")})


def pairs(root: Path) -> None:
    draw = random.Random(4)
    rows = {}
    for split in ("test", "validation"):
        made = []
        for number in range(90):
            text = sentence(draw)
            other = near(draw, text) if draw.random() < (0.8, 0.5, 0.3)[number % 3] else sentence(draw)
            made.append({"premise": text, "hypothesis": other, "label": number % 3})
        rows[f"th/{split}"] = made
    write(root, "mteb/xnli", rows)


def retrieval(root: Path) -> None:
    draw = random.Random(5)
    for path, config, split, candidates in (
        ("mteb/MIRACLRetrievalHardNegatives", "ar", "dev", False),
        ("mteb/WikipediaRerankingMultilingual", "fa", "test", True),
    ):
        topics = [draw.randrange(8) for _ in range(60)]
        corpus = [
            {"_id": f"d{place}", "title": "" if place % 3 else "🌍", "text": sentence(draw, topic)}
            for place, topic in enumerate(topics)
        ]
        queries = [{"_id": f"q{number}", "text": sentence(draw, number % 8, 1)} for number in range(16)]
        qrels = [
            {"query-id": f"q{number}", "corpus-id": f"d{place}", "score": 1}
            for number in range(15)
            for place, topic in enumerate(topics)
            if topic == number % 8
        ]
        files: dict[str, Sequence[Row]] = {
            f"{config}-corpus/{split}": corpus,
            f"{config}-queries/{split}": queries,
            f"{config}-qrels/{split}": qrels,
        }
        if candidates:
            files[f"{config}-top_ranked/{split}"] = [
                {"query-id": f"q{number}", "corpus-ids": [f"d{place}" for place in draw.sample(range(60), 25)]}
                for number in range(16)
            ]
        write(root, path, files)


def write_all(root: Path) -> None:
    """Every mirror."""
    for make in (bitext, similarity, labelled, pairs, retrieval):
        make(root)
