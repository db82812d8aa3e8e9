import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from harness.store import RunFolder, RunWriter, SegmentRow, UnitStatistics
from leaderboard.segments import segment_exports
from leaderboard.site import build
from leaderboard.views import segments
from metrics.base import MeanMetric
from tests.leaderboard_runs import HOSTILE_HYPOTHESIS, HOSTILE_MODEL, SEGMENTS, record_of, score, write_run

ANCHOR = re.compile(r'<tr id="(seg-[^"]+)"')
REFERENCES = (
    "ጀልባው ከእሁድ በስተቀር በየቀኑ ጠዋት ይነሳል",
    "تغادر العبارة في الساعة السابعة من صباح كل يوم",
    "ကူးတို့သင်္ဘောသည် နံနက်တိုင်း ထွက်ခွာသည်",
    "フェリーは日曜日を除く毎朝出発する",
    "เรือข้ามฟากออกทุกเช้ายกเว้นวันอาทิตย์",
    "ߒߞߏ ߞߊ߲ ߦߋ߫ ߡߊ߲߬ߘߋ߲߬ߞߊ߲ ߠߎ߬ ߛߓߍߟߌ",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "one")


@pytest.fixture(scope="module")
def site(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build([run], tmp_path_factory.mktemp("site")).parent


def page_of(site: Path, model: str, stem: str) -> Path:
    """The first page of a unit."""
    (found,) = [
        path for path in site.glob(f"s/{stem}-*.json")
        if json.loads(path.read_text(encoding="utf-8"))["model"] == model
    ]  # fmt: skip
    return found.with_suffix(".html")


def write_units(folder: Path, texts: dict[str, list[str]], *, references: tuple[str, ...] = REFERENCES) -> Path:
    """A run of one translation task: hypotheses by model, scores falling from the first to the last."""
    writer = RunWriter(folder)
    scores = []
    for model, hypotheses in texts.items():
        rows = [
            SegmentRow(
                segment=f"<{index}>",
                cluster=str(index),
                source=f"source {index}",
                references=(references[index % len(references)],),
                hypothesis=text,
            )
            for index, text in enumerate(hypotheses)
        ]
        values = np.linspace(1, 0, len(rows))
        ids = tuple(row.segment for row in rows)
        statistics = UnitStatistics(segments=ids, clusters=ids, stats=MeanMetric.stats(values), scores=values)
        writer.add_unit((model, "t", "", "", "eng_Latn-swh_Latn"), rows, {"m": statistics})
        scores.append(score(model, "eng_Latn-swh_Latn", 50.0, n=len(rows)))
    writer.finish(record_of(*scores))
    return folder


def test_hypotheses_are_shown_as_differences_from_the_reference(site: Path) -> None:
    text = page_of(site, "weak", "eng-latn-jpn-jpan").read_text(encoding="utf-8")
    assert '<div class="diff" dir="ltr">フェリーは日曜<del>日を除く毎朝出発する' in text
    text = page_of(site, "weak", "eng-latn-arb-arab").read_text(encoding="utf-8")
    assert '<div class="diff" dir="rtl">تغادر العبارة' in text
    assert "<del>" not in page_of(site, "weak", "arb-arab").read_text(encoding="utf-8")


def test_labels_are_counted_explained_and_lead_to_the_first(site: Path) -> None:
    page = page_of(site, HOSTILE_MODEL, "eng-latn-amh-ethi")
    text = page.read_text(encoding="utf-8")
    for title, number in (("other script", 1), ("strange characters", 1), ("too short", 39)):
        assert f'<span class="flag fault">{title}</span> <b>{number}</b>' in text
        assert f"<b>{title.capitalize()}.</b>" in text
    (anchor,) = re.findall(r'<tr id="([^"]+)" data-f="script long odd">', text)
    assert f'href="../s/{page.name}#{anchor}"' in text


def test_other_systems_stand_beside_with_their_scores(site: Path) -> None:
    page = page_of(site, "weak", "eng-latn-amh-ethi")
    text = page.read_text(encoding="utf-8")
    good = page_of(site, "good", "eng-latn-amh-ethi")
    assert "2 other systems" in text
    rows = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["segments"]
    others = {row["segment"]: row for row in json.loads(good.with_suffix(".json").read_text("utf-8"))["segments"]}
    for row, shown in zip(rows, text.split('<tr id="')[1:], strict=True):
        other = others[row["segment"]]
        assert re.search(rf'<a href="{good.name}#seg-{row["segment"]}-\w+"><bdi>good</bdi></a>', shown)
        assert f'lang="am">{other["hypothesis"]}</dd>' in shown
        (delta,) = re.findall(r'data-l="Δ to good" data-v="([^"]+)"', shown)
        assert float(delta) == pytest.approx(row["scores"]["chrf++"] - other["scores"]["chrf++"])
    assert '<a href="../s/' + good.name in text.partition("<h1>")[2].partition("<ul")[0]


def test_the_best_model_is_compared_with_the_second(site: Path) -> None:
    assert 'data-l="Δ to weak"' in page_of(site, "good", "eng-latn-amh-ethi").read_text(encoding="utf-8")


def test_data_hold_every_segment_with_texts_scores_and_labels(run: Path, site: Path) -> None:
    page = page_of(site, HOSTILE_MODEL, "eng-latn-amh-ethi")
    data = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert data["language"] == "eng_Latn-amh_Ethi"
    read = {own.segment: own for own in segments.read(RunFolder(run), (HOSTILE_MODEL, *list(data.values())[1:5]))}
    assert len(data["segments"]) == len(read) == SEGMENTS
    for row in data["segments"]:
        own = read[row["segment"]]
        assert [row["source"], row["hypothesis"], *row["references"]] == own.texts
        assert row["scores"] == own.scores
        assert set(row["flags"]) <= set(data["flags"])
    assert any(row["hypothesis"] == HOSTILE_HYPOTHESIS for row in data["segments"])
    with page.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["segment"] for row in table] == [row["segment"] for row in data["segments"]]
    assert [float(row["score chrf++"]) for row in table] == [row["scores"]["chrf++"] for row in data["segments"]]


def test_every_segment_has_a_place_on_a_page_and_its_link_is_known(tmp_path: Path) -> None:
    run = write_units(tmp_path / "run", {name: [f"neno {index}" for index in range(450)] for name in ("a", "b")})
    site = build([run], tmp_path / "site").parent
    first = page_of(site, "a", "eng-latn-swh-latn")
    pages = [first, *(first.with_name(f"{first.stem}-{number}.html") for number in (2, 3))]
    found = [ANCHOR.findall(page.read_text(encoding="utf-8")) for page in pages]
    assert [len(part) for part in found] == [200, 200, 50]
    read = segments.read(RunFolder(run), ("a", "t", "", "", "eng_Latn-swh_Latn"))
    links = segments.links(("a", "t", "", "", "eng_Latn-swh_Latn"), segments.listed(read, "m", True))
    assert [f"<{index}>" for index in range(449, -1, -1)] == list(links)
    assert list(links.values()) == [
        f"s/{page.name}#{anchor}" for page, part in zip(pages, found, strict=True) for anchor in part
    ]
    middle = pages[1].read_text(encoding="utf-8")
    assert f'rel="prev" href="../s/{pages[0].name}"' in middle
    assert f'rel="next" href="../s/{pages[2].name}"' in middle
    assert middle.count(f'href="../s/{pages[1].name}" aria-label="Page 2" aria-current="page"') == 2
    assert "Segments 201 to 400 of 450" in middle


def test_beyond_the_last_page_segments_stand_in_the_data_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MOST_LISTED", 20)
    run = write_units(tmp_path / "run", {"a": [f"neno {index}" for index in range(30)]})
    page = page_of(build([run], tmp_path / "site").parent, "a", "eng-latn-swh-latn")
    text = page.read_text(encoding="utf-8")
    assert len(ANCHOR.findall(text)) == 20
    assert "These pages show 20; the 10 best stand in CSV and JSON only." in text
    assert len(json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["segments"]) == 30


def test_failures_keep_a_place_where_not_all_segments_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MOST_LISTED", 10)
    monkeypatch.setattr(segments, "SEGMENTS_PER_PAGE", 4)
    views = [
        segments.SegmentView(
            segment=str(index), source=None, references=(), hypothesis=None,
            failed="no" if index >= 20 else None, reasoning=None, scores={"m": float(index)},
        )
        for index in range(30)
    ]  # fmt: skip
    assert [view.segment for view in segments.listed(views, "m", True)] == [*"012345", "20", "21", "22", "23"]


def test_no_page_is_too_large_whatever_the_texts_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "A long line <b>.\u202e " * 300
    run = write_units(tmp_path / "run", {name: [f"{line} {index}" for index in range(200)] for name in "ab"},
                      references=(line,))  # fmt: skip
    monkeypatch.setattr(segment_exports, "LONGEST_DATA", 1000)
    out = build([run], tmp_path / "site").parent
    sizes = [path.stat().st_size for path in out.glob("s/*")]
    assert max(sizes) < 3_000_000
    text = page_of(out, "a", "eng-latn-swh-latn").read_text(encoding="utf-8")
    assert len(ANCHOR.findall(text)) == 200
    assert "more characters" in text
    assert "texts cut after 1\u202f000 characters; segments.parquet of the run has them whole" in text


def test_data_too_large_for_a_file_are_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_exports, "PART_BYTES", 1000)
    views = [
        segments.SegmentView(segment=f"ሀ{index}", source="x" * 100, references=("y", "z"), hypothesis="=1+1",
                             failed=None, reasoning=None, scores={"m": 0.1})
        for index in range(20)
    ]  # fmt: skip
    data = segment_exports.SegmentData(unit=("m", "t", "", "", "l"), segments=views, flags=[()] * 20, metrics=["m"])
    parts = segment_exports.files(data)
    assert len(parts) > 1
    rows = [row for _, text in parts for row in json.loads(text)["segments"]]
    tables = [row for text, _ in parts for row in csv.DictReader(text.splitlines())]
    assert [row["segment"] for row in rows] == [row["segment"] for row in tables] == [view.segment for view in views]
    assert tables[0]["reference 2"] == "z"
    assert tables[0]["hypothesis"] == "'=1+1"


def test_a_new_run_of_another_model_makes_the_pages_of_its_units_again(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    first = write_units(tmp_path / "first", {"a": ["neno moja", "neno mbili"]})
    build([first], out)
    second = write_units(tmp_path / "second", {"b": ["neno tatu", "neno nne"]})
    build([first, second], out)
    assert "neno tatu" in page_of(out, "a", "eng-latn-swh-latn").read_text(encoding="utf-8")


def test_choices_are_called_right_and_wrong(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run")
    rows = [
        SegmentRow(segment=own, cluster=own, source="የት?", references=("ሀ",), hypothesis=answer, reasoning="<b>why</b>")
        for own, answer in (("1", "ሀ"), ("2", "ለ"))
    ]
    values = np.array([1.0, 0.0])
    ids = ("1", "2")
    statistics = UnitStatistics(segments=ids, clusters=ids, stats=MeanMetric.stats(values), scores=values)
    writer.add_unit(("a", "t", "", "", "amh_Ethi"), rows, {"m": statistics})
    record = record_of(score("a", "amh_Ethi", 0.5, unit="fraction", bounds=(0, 1)))
    task = record.tasks[0].model_copy(update={"kind": "multiple_choice"})
    writer.finish(record.model_copy(update={"tasks": (task,)}))
    text = page_of(build([tmp_path / "run"], tmp_path / "site").parent, "a", "amh-ethi").read_text(encoding="utf-8")
    for words in ("✗ wrong", "✓ right", ">Question<", ">Right answer<", "&lt;b&gt;why&lt;/b&gt;"):
        assert words in text
    assert "<del>" not in text
