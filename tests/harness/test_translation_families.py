"""Translation families: each is read in its benchmark's own layout, and run from end to end without network.

The mirrors hold rows written here; the real files of NTREX-128 and MAFAND are read where they are.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from harness.engine.models import parse_model
from harness.errors import DataError, UserError
from harness.languages import find
from harness.loader import TaskFile, load_tasks
from harness.resources import shipped_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks import units
from harness.tasks.base import Selection
from harness.tasks.translation import TranslationUnit
from harness.types import Generate

WORDS = {
    "amh": "ውሃው ቀዝቃዛ ነው",
    "arb": "الماء بارد",
    "bam": "Ji sumanna",
    "deu": "Das Wasser ist kühl",
    "eng": "The water is cold 🦁",
    "fra": "L'eau est froide",
    "hau": "Ruwan yana da sanyi",
    "hin": "पानी ठंडा है",
    "jpn": "水は冷たい",
    "kgv": "Per kalomet",
    "lug": "Amazzi gannyogoga",
    "mya": "ရေ အေးတယ်",
    "nqo": "ߖߌ ߛߎߡߊߣߍ߲߫ ߦߋ߫",
    "sat": "ᱫᱟᱜ ᱨᱮᱭᱟᱲ ᱜᱮᱭᱟ",
    "tha": "น้ำเย็น",
    "yor": "Omi náà tutù",
}
COUNT = 6


def silent(*_: object) -> None:
    pass


def sentence(language: str, number: int, split: str = "test") -> str:
    """The same thing in every language; what comes from a split that is not tested says so."""
    mark = "" if split in ("test", "devtest", "train") else f" ({split})"
    return f"{WORDS[language]} {number}{mark}"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def lines(language: str, split: str = "test") -> str:
    return "".join(sentence(language, number, split) + "\n" for number in range(COUNT))


def parquet(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)


def flores200(root: Path) -> None:
    table = "URL\tdomain\ttopic\thas_image\thas_hyperlink\n" + "".join(
        f"https://example.org/{number // 3}\twikinews\twater\tyes\tno\n" for number in range(COUNT)
    )
    for split in ("dev", "devtest"):
        write(root / "flores200_dataset" / f"metadata_{split}.tsv", table)
        for code in ("eng_Latn", "yor_Latn", "amh_Ethi", "mya_Mymr", "deu_Latn", "fra_Latn"):
            write(root / "flores200_dataset" / split / f"{code}.{split}", lines(code[:3], split))


def flores_plus(root: Path) -> None:
    for split in ("dev", "devtest"):
        for code in ("eng_Latn", "yor_Latn", "nqo_Nkoo", "arb_Arab"):
            rows = [
                {
                    "id": number,
                    "iso_639_3": code[:3],
                    "iso_15924": code[4:],
                    "glottocode": "abcd1234",
                    "variant": None,
                    "text": sentence(code[:3], number, split),
                    "url": f"https://example.org/{number // 3}",
                    "split": split,
                }
                for number in range(COUNT)
            ]
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            write(root / "openlanguagedata" / "flores_plus" / split / f"{code}.jsonl", text)


def ntrex128(root: Path) -> None:
    folder = root / "NTREX-main"
    write(folder / "DOCUMENT_IDS.tsv", "".join(f"news-{number // 3}\n" for number in range(COUNT)))
    write(folder / "NTREX-128" / "newstest2019-src.eng.txt", lines("eng"))
    for code in ("yor", "tha", "deu"):
        write(folder / "NTREX-128" / f"newstest2019-ref.{code}.txt", lines(code))


def wmt24pp(root: Path) -> None:
    for code, language in (("de_DE", "deu"), ("ja_JP", "jpn"), ("ar_EG", "arb")):
        rows = [{"domain": "canary", "source": "canary", "target": "canary", "is_bad_source": True}]
        for number in range(4 * COUNT):
            rows.append(
                {
                    "domain": ("news", "social", "speech", "literary")[number % 4],
                    "source": sentence("eng", number),
                    "target": sentence(language, number),
                    "is_bad_source": number == 4,
                }
            )
        text = "".join(
            json.dumps({"lp": f"en-{code}", "document_id": f"d{number // 8}", "segment_id": number, **row}) + "\n"
            for number, row in enumerate(rows)
        )
        write(root / "google" / "wmt24pp" / f"en-{code}.jsonl", text)


def mafand(root: Path) -> None:
    for own, pivot, code in (("en", "eng", "hau"), ("en", "eng", "yor"), ("fr", "fra", "bam")):
        folder = root / "lafand-mt-main" / "data" / "text_files" / f"{own}-{code}"
        for split in ("dev", "test"):
            write(folder / f"{split}.{own}", lines(pivot, split))
            write(folder / f"{split}.{code}", lines(code, split))


def in22(root: Path) -> None:
    codes = ("eng_Latn", "hin_Deva", "sat_Olck")
    rows = [{"id": number, **{code: sentence(code[:3], number) for code in codes}} for number in range(COUNT)]
    parquet(root / "mteb" / "IN22GenBitextMining" / "data" / "test-00000-of-00001.parquet", rows)
    for code in codes:
        write(root / "IN22_benchmark" / "conv" / f"test.{code}", lines(code[:3]))


def menyo20k(root: Path) -> None:
    for split, header in (("dev", "english\tyoruba"), ("test", "English\tYoruba")):
        rows = [f"{sentence('eng', number, split)}\t{sentence('yor', number, split)}" for number in range(COUNT)]
        write(root / "menyo-20k_MT" / "data" / f"{split}.tsv", "\n".join([header, *rows]) + "\n")


def salt(root: Path) -> None:
    for split in ("dev", "test"):
        rows = [
            {
                "id": number,
                "eng_source_text": sentence("eng", number, split),
                "eng_target_text": sentence("eng", number, split) + " indeed",
                "lug_text": sentence("lug", number, split),
                "swa_text": None,
            }
            for number in range(COUNT)
        ]
        parquet(root / "Sunbird" / "salt" / "text-all" / f"{split}-00000-of-00001.parquet", rows)


def mtob(root: Path) -> None:
    for way, source, target in (("ke", "kgv", "eng"), ("ek", "eng", "kgv")):
        rows: list[dict[str, str]] = [{"big-bench-canary": "not a sentence"}]
        rows += [
            {
                "original_id": f"{way}{number}",
                "original": sentence(source, number),
                "ground_truth": sentence(target, number),
            }
            for number in range(COUNT)
        ]
        write(root / "mtob" / "splits" / f"test_examples_{way}.json", json.dumps(rows, ensure_ascii=False))
    for name in ("grammar_book", "grammar_book_for_claude_long", "grammar_book_for_claude_medium"):
        write(root / "mtob" / "resources" / f"{name}.txt", f"{name}: kalomet = cold, per = water {{{{7*7}}}}\n")


MIRRORS: dict[str, Callable[[Path], None]] = {
    "flores200": flores200,
    "flores_plus": flores_plus,
    "ntrex128": ntrex128,
    "wmt24pp": wmt24pp,
    "mafand": mafand,
    "mafand_french": mafand,
    "in22": in22,
    "menyo20k": menyo20k,
    "salt": salt,
    "mtob": mtob,
}

RUNS = [
    ("flores200", "yor,amh,mya", ["eng_Latn-yor_Latn", "yor_Latn-eng_Latn", "amh_Ethi-eng_Latn", "eng_Latn-mya_Mymr"]),
    ("flores_plus", "yor,nqo", ["eng_Latn-nqo_Nkoo", "nqo_Nkoo-eng_Latn", "yor_Latn-eng_Latn"]),
    ("ntrex128", "yor,tha", ["eng_Latn-tha_Thai", "tha_Thai-eng_Latn"]),
    ("wmt24pp", "deu,jpn,ar-EG", ["eng_Latn-deu_Latn", "eng_Latn-jpn_Jpan", "eng_Latn-arz_Arab"]),
    ("mafand", "hau,yor", ["eng_Latn-hau_Latn", "yor_Latn-eng_Latn"]),
    ("mafand_french", "bam", ["fra_Latn-bam_Latn", "bam_Latn-fra_Latn"]),
    ("in22", "hin,sat", ["eng_Latn-sat_Olck", "hin_Deva-eng_Latn"]),
    ("menyo20k", "", ["eng_Latn-yor_Latn", "yor_Latn-eng_Latn"]),
    ("salt", "lug", ["eng_Latn-lug_Latn", "lug_Latn-eng_Latn"]),
    ("mtob", "", ["kgv_Latn-eng_Latn", "eng_Latn-kgv_Latn"]),
]


def family(name: str) -> TaskFile:
    return load_tasks([name], [shipped_tasks()])[0]


def made(name: str, root: Path | None, **selection: object) -> list[TranslationUnit]:
    task = family(name)
    if isinstance(codes := selection.get("languages"), str):
        selection["languages"] = tuple(find(code).code for code in codes.split(",") if code)
    found = units(task, Selection(**selection), root)  # type: ignore[arg-type]
    return [unit for unit in found if isinstance(unit, TranslationUnit)]


def one(name: str, root: Path, language: str, **selection: object) -> TranslationUnit:
    """The unit of one direction, and of the first variant and prompt where there are several."""
    return next(unit for unit in made(name, root, **selection) if unit.language == language)


def prompts(unit: TranslationUnit) -> list[str]:
    return [request.prompt for request in unit.requests() if isinstance(request, Generate)]


def test_every_family_is_tested() -> None:
    shipped = {path.stem for path in (shipped_tasks() / "translation").glob("*.yaml")}
    assert shipped == set(MIRRORS) == {name for name, _, _ in RUNS}


@pytest.mark.parametrize(("name", "languages", "directions"), RUNS)
def test_a_family_runs_from_a_mirror(name: str, languages: str, directions: list[str], tmp_path: Path) -> None:
    root = tmp_path / "data"
    MIRRORS[name](root)
    plan = RunPlan(
        tasks=[family(name)],
        models=[parse_model("echo:x")],
        selection=Selection(languages=tuple(find(code).code for code in languages.split(",") if code)),
        out=tmp_path / "out",
        data_root=root,
    )
    record = RunFolder(run(plan, silent)).record
    assert set(directions) <= {score.language for score in record.scores}
    assert [score for score in record.scores if score.value is None or score.n_failed] == []
    assert {score.metric for score in record.scores} == {metric.label for metric in family(name).spec.metrics}
    # Repeating the source is no translation, but for what names and figures share.
    assert all(score.value is not None and score.value < 60 for score in record.scores)


def test_twenty_directions_from_one_file(tmp_path: Path) -> None:
    flores200(tmp_path / "data")
    pairs = [(a, b) for a in ("amh", "mya", "deu", "fra", "yor") for b in ("amh", "mya", "deu", "fra", "yor") if a != b]
    found = made("flores200", tmp_path / "data", directions=tuple(f"{a}-{b}" for a, b in pairs))
    assert len(found) == 20
    for unit, (source, target) in zip(found, pairs, strict=True):
        assert (unit.source_language[:3], unit.target_language[:3]) == (source, target)
        assert unit.texts("source") == [sentence(source, number) for number in range(COUNT)]
        assert unit.texts("target") == [sentence(target, number) for number in range(COUNT)]
    requests = [request for unit in found for request in unit.requests() if isinstance(request, Generate)]
    assert len({(request.source_language, request.target_language) for request in requests}) == 20
    assert "from Burmese to Amharic" in prompts(found[4])[0]


def test_any_of_all_directions_can_be_named(tmp_path: Path) -> None:
    assert len(made("flores200", None)) == 406
    assert len(made("flores200", None, directions=("all",))) == 204 * 203
    assert len(made("flores200", None, directions=("xx-swh",))) == 203
    some = made("flores200", None, directions=("all",), languages="yor,hau,fra")
    assert len(some) == 4 * 3  # with English, the pivot
    assert [unit.language for unit in made("flores_plus", None, directions=("zh-TW-pt",))] == ["zho_Hant-por_Latn"]
    with pytest.raises(UserError, match="task flores200: direction 'deu-nqo': nqo_Nkoo is not under 'languages'"):
        made("flores200", None, directions=("deu-nqo",))
    with pytest.raises(UserError, match=r"no task of this run has directions to choose from \(xcopa\)"):
        run(
            RunPlan(
                tasks=[family("xcopa")],
                models=[parse_model("echo:x")],
                selection=Selection(directions=("eng-swh",)),
                out=tmp_path,
            ),
            lambda *_: None,
        )


def test_directions_are_named_on_the_command_line(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from harness.cli import cli

    flores200(tmp_path / "data")
    options = ["--directions", "deu-fra, yor-my", "--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, ["run", "flores200", "--model", "echo:x", "--num-fewshot", "1", *options])
    assert done.exit_code == 0, done.output
    record = RunFolder(next((tmp_path / "out").glob("*/run.json"))).record
    assert {score.language for score in record.scores} == {"deu_Latn-fra_Latn", "yor_Latn-mya_Mymr"}


def test_varieties_and_their_languages_stand_for_each_other() -> None:
    def languages(name: str, code: str) -> set[str]:
        return {unit.language for unit in made(name, None, languages=code)}

    assert languages("ntrex128", "pt-BR") == {"eng_Latn-por_Latn_BR", "por_Latn_BR-eng_Latn"}
    assert languages("flores200", "pt-BR") == {"eng_Latn-por_Latn", "por_Latn-eng_Latn"}
    assert languages("wmt24pp", "spa") == {"eng_Latn-spa_Latn_MX"}
    assert len(languages("flores_plus", "twi")) == 4


def test_counts_of_languages() -> None:
    counts = {name: len(family(name).spec.languages) for name in MIRRORS}
    assert counts == {
        "flores200": 204,
        "flores_plus": 221,
        "ntrex128": 130,
        "wmt24pp": 56,
        "mafand": 16,
        "mafand_french": 7,
        "in22": 23,
        "menyo20k": 2,
        "salt": 8,
        "mtob": 2,
    }


def test_flores_is_read_from_the_packed_release(tmp_path: Path) -> None:
    flores200(tmp_path / "made")
    packed = tmp_path / "data" / "flores200_dataset.tar.gz"
    packed.parent.mkdir()
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tmp_path / "made" / "flores200_dataset", arcname="./flores200_dataset")
    from_archive = one("flores200", tmp_path / "data", "yor_Latn-mya_Mymr", directions=("yor-mya",))
    unpacked = one("flores200", tmp_path / "made", "yor_Latn-mya_Mymr", directions=("yor-mya",))
    assert from_archive.documents == unpacked.documents
    assert [document.cluster[-1] for document in from_archive.documents] == ["0", "0", "0", "1", "1", "1"]


@pytest.mark.parametrize(
    ("name", "language"),
    [("flores_plus", "nqo_Nkoo-eng_Latn"), ("ntrex128", "eng_Latn-tha_Thai"), ("ntrex128", "tha_Thai-eng_Latn")],
)
def test_sentences_of_a_document_are_one_cluster(name: str, language: str, tmp_path: Path) -> None:
    MIRRORS[name](tmp_path)
    documents = one(name, tmp_path, language).documents
    assert [document.cluster for document in documents] == [
        documents[3 * (index // 3)].cluster for index in range(COUNT)
    ]
    assert len({document.cluster for document in documents}) == 2


def test_wmt_domains_are_apart_and_bad_sources_left_out(tmp_path: Path) -> None:
    wmt24pp(tmp_path)
    found = {unit.variant: unit for unit in made("wmt24pp", tmp_path, languages="jpn")}
    assert list(found) == ["news", "social", "speech", "literary"]
    numbers = {name: [int(text.split()[-1]) for text in unit.texts("source")] for name, unit in found.items()}
    assert numbers == {
        "news": [0, 8, 12, 16, 20],
        "social": [1, 5, 9, 13, 17, 21],
        "speech": [2, 6, 10, 14, 18, 22],
        "literary": [3, 7, 11, 15, 19, 23],
    }
    assert found["news"].texts("target")[1] == sentence("jpn", 8)
    assert "into Japanese (ja_JP):\n\nThe water is cold 🦁 0\n\nProduce only" in prompts(found["news"])[0]
    assert found["news"].documents[0].cluster == "d0"


def test_salt_has_one_english_as_source_and_another_as_target(tmp_path: Path) -> None:
    salt(tmp_path)
    assert one("salt", tmp_path, "eng_Latn-lug_Latn").texts("source")[2] == sentence("eng", 2)
    assert one("salt", tmp_path, "lug_Latn-eng_Latn").texts("target")[2] == sentence("eng", 2) + " indeed"
    assert [(unit.variant, unit.language) for unit in made("salt", None, languages="lug")] == [
        ("from_english", "eng_Latn-lug_Latn"),
        ("into_english", "lug_Latn-eng_Latn"),
    ]
    with pytest.raises(DataError, match="nothing in column 'swa_text'"):
        _ = one("salt", tmp_path, "eng_Latn-swh_Latn").documents


def test_in22_sets_come_from_their_own_layouts(tmp_path: Path) -> None:
    in22(tmp_path)
    found = {unit.variant: unit for unit in made("in22", tmp_path, directions=("hin-sat",))}
    for unit in (found["gen"], found["conv"]):
        assert unit.texts("source") == [sentence("hin", number) for number in range(COUNT)]
        assert unit.texts("target") == [sentence("sat", number) for number in range(COUNT)]


def test_the_grammar_book_is_in_the_prompt_and_never_run(tmp_path: Path) -> None:
    mtob(tmp_path)
    found = {(unit.variant, unit.prompt): unit for unit in made("mtob", tmp_path)}
    assert len(found) == 2 * 4
    without = prompts(found["into_kalamang", "no_book"])
    assert len(without) == COUNT  # the canary is no sentence
    assert without[0].endswith(f"English: {sentence('eng', 0)}\nKalamang:")
    with_book = prompts(found["from_kalamang", "medium_book"])[0]
    assert with_book.startswith("Here is a grammar of Kalamang.\n\ngrammar_book_for_claude_medium: kalomet")
    assert "{{7*7}}" in with_book
    assert with_book.endswith(f"Kalamang: {sentence('kgv', 0)}\nEnglish:")
    assert found["from_kalamang", "book"].texts("target")[1] == sentence("eng", 1)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("flores200", "eng_Latn-amh_Ethi"),
        ("flores_plus", "nqo_Nkoo-eng_Latn"),
        ("mafand", "eng_Latn-yor_Latn"),
        ("mafand_french", "bam_Latn-fra_Latn"),
        ("menyo20k", "yor_Latn-eng_Latn"),
        ("salt", "lug_Latn-eng_Latn"),
    ],
)
def test_examples_come_from_dev_alone(name: str, language: str, tmp_path: Path) -> None:
    MIRRORS[name](tmp_path)
    unit = one(name, tmp_path, language, num_fewshot=3)
    asked = [str(document.fields["source"]) for document in unit.documents]
    for text, source in zip(prompts(unit), asked, strict=True):
        *examples, question = text.split("\n\n")
        assert len(examples) == 3
        assert len(set(examples)) == 3
        assert all("(dev)" in example.splitlines()[1] and "(dev)" in example.splitlines()[2] for example in examples)
        assert source in question
        assert not any(other in question for other in asked if other != source)


def test_examples_are_drawn_as_lm_eval_draws_them(tmp_path: Path) -> None:
    from lm_eval.api.samplers import ContextSampler

    flores200(tmp_path)
    unit = one("flores200", tmp_path, "eng_Latn-mya_Mymr", num_fewshot=2)
    pool = [
        {"source": sentence("eng", number, "dev"), "target": sentence("mya", number, "dev")} for number in range(COUNT)
    ]
    sampler = ContextSampler(pool, rnd=1234)
    for text in prompts(unit):
        expected = [f"English: {row['source']}\nBurmese: {row['target']}" for row in sampler.sample(2)]
        assert [example.split("\n", maxsplit=1)[1] for example in text.split("\n\n")[:-1]] == expected


def test_examples_are_the_same_sentences_in_every_direction_and_whatever_the_limit(tmp_path: Path) -> None:
    flores200(tmp_path)

    def drawn(directions: str, limit: int | None = None) -> list[list[str]]:
        unit = made("flores200", tmp_path, directions=(directions,), num_fewshot=2, limit=limit)[0]
        return [[line.split()[-2] for line in text.splitlines() if line.endswith("(dev)")] for text in prompts(unit)]

    everywhere = drawn("yor-amh")
    assert everywhere == drawn("deu-mya")
    assert drawn("yor-amh", limit=3) == everywhere[:3]
    assert len({tuple(numbers) for numbers in everywhere}) > 1


def test_too_few_examples_and_none_at_all_are_said(tmp_path: Path) -> None:
    mafand(tmp_path)
    ntrex128(tmp_path)
    with pytest.raises(DataError, match=f"7 examples wanted, but split 'dev' has {COUNT} segments"):
        prompts(one("mafand", tmp_path, "eng_Latn-yor_Latn", num_fewshot=7))
    with pytest.raises(DataError, match="5-shot needs 'fewshot_split' in the dataset, which names none"):
        prompts(one("ntrex128", tmp_path, "eng_Latn-tha_Thai", num_fewshot=5))


def test_shots_change_the_hash_of_the_prompt(tmp_path: Path) -> None:
    flores200(tmp_path)
    hashes = [one("flores200", tmp_path, "eng_Latn-yor_Latn", num_fewshot=shots).prompt_hash() for shots in (0, 1, 5)]
    assert len(set(hashes)) == 3
    assert one("flores200", tmp_path, "eng_Latn-yor_Latn").prompt_hash() == hashes[0]


OWN = """
task: own
kind: translation
dataset: {files: "{lang}.{split}", format: lines, splits: [test], fewshot_split: test}
directions: [eng-tha]
languages: [eng, tha]
num_fewshot: 2
prompts:
  first:
    description: "From {{source_code}}.\\n"
    doc_to_text: "{{source}} ="
    doc_to_target: "«{{target}}»"
    fewshot_delimiter: " | "
    fewshot_config: {sampler: first_n}
metrics: [chrf]
"""


def own_unit(folder: Path) -> TranslationUnit:
    write(folder / "own.yaml", OWN)
    write(folder / "eng.test", lines("eng"))
    write(folder / "tha.test", lines("tha"))
    task = load_tasks([str(folder / "own.yaml")], [shipped_tasks()])[0]
    unit = units(task, Selection(), None)[0]
    assert isinstance(unit, TranslationUnit)
    return unit


def test_first_examples_and_own_delimiters_and_never_the_segment_itself(tmp_path: Path) -> None:
    texts = prompts(own_unit(tmp_path))
    water, cold = WORDS["eng"], WORDS["tha"]
    assert texts[0] == f"From eng.\n{water} 1 = «{cold} 1» | {water} 2 = «{cold} 2» | {water} 0 ="
    assert texts[5] == f"From eng.\n{water} 0 = «{cold} 0» | {water} 1 = «{cold} 1» | {water} 5 ="


class Bracketed:
    """A chat template that can be read."""

    name = "bracketed"
    system = "Be brief."

    def __init__(self, multiturn: bool) -> None:
        self.multiturn = multiturn

    def render(self, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        return "".join(f"<{message['role']}>{message['content']}" for message in messages) + "<assistant>"


def test_a_chat_gets_examples_as_turns_or_in_one(tmp_path: Path) -> None:
    unit = own_unit(tmp_path)
    unit.chat = Bracketed(multiturn=True)
    water, cold = WORDS["eng"], WORDS["tha"]
    said = "<system>Be brief. | From eng.\n"
    shown = f"{said}<user>{water} 1 =<assistant>«{cold} 1»<user>{water} 2 =<assistant>«{cold} 2»"
    assert prompts(unit)[0] == f"{shown}<user>{water} 0 =<assistant>"
    unit.chat = Bracketed(multiturn=False)
    in_one = f"{water} 1 = «{cold} 1» | {water} 2 = «{cold} 2» | {water} 0 ="
    assert prompts(unit)[0] == f"{said}<user>{in_one}<assistant>"


def test_real_ntrex_lines_belong_to_their_documents(shared_data: Path) -> None:
    unit = one("ntrex128", shared_data, "eng_Latn-mya_Mymr")
    assert len(unit.documents) == 1997
    clusters = [document.cluster for document in unit.documents]
    assert len(set(clusters)) == 123
    assert clusters == sorted(clusters, key=clusters.index)  # documents are not interleaved
    other = one("ntrex128", shared_data, "khm_Khmr-tha_Thai", directions=("khm-tha",))
    assert [document.cluster for document in other.documents] == clusters
    english = one("ntrex128", shared_data, "mya_Mymr-eng_Latn").texts("target")
    assert english == unit.texts("source")


def test_real_ntrex_runs(shared_data: Path, tmp_path: Path) -> None:
    plan = RunPlan(
        tasks=[family("ntrex128")],
        models=[parse_model("echo:x")],
        selection=Selection(directions=("eng-eng_Latn_US", "xho-zul", "jpn-zho_Hans"), limit=150),
        out=tmp_path,
        data_root=shared_data,
    )
    record = RunFolder(run(plan, silent)).record
    values = {(score.language, score.metric): score.value or 0 for score in record.scores}
    # American English is a translation of the source into almost itself; Xhosa and Zulu share much of their spelling.
    assert values["eng_Latn-eng_Latn_US", "chrf++"] > 60 > values["xho_Latn-zul_Latn", "chrf++"] > 20
    assert values["jpn_Jpan-zho_Hans", "chrf++"] < 20


def test_real_mafand_outputs(shared_data: Path, tmp_path: Path) -> None:
    outputs = f"outputs:{shared_data}/mafand/{{other}}/m2m100_{{source}}_{{target}}_news.txt,name=m2m100"
    plan = RunPlan(
        tasks=[family("mafand")],
        models=[parse_model(outputs)],
        selection=Selection(directions=("eng-swh", "yor-eng"), limit=200),
        out=tmp_path,
        data_root=shared_data,
    )
    record = RunFolder(run(plan, silent)).record
    assert {score.language for score in record.scores} == {"eng_Latn-swh_Latn", "yor_Latn-eng_Latn"}
    values = {(score.language, score.metric): score.value or 0 for score in record.scores}
    assert values["eng_Latn-swh_Latn", "chrf++"] > 40
    assert not [score for score in record.scores if score.n_failed]
