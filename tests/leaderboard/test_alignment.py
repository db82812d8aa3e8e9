"""Pages about alignment: what they show is what the records hold, in every layer."""

from __future__ import annotations

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean

import pytest

from harness.alignment_report import alignment_report
from harness.report_scope import Scope
from harness.store import RunFolder, RunWriter
from leaderboard.alignment.alignment_pages import COLUMNS, LAYER_COLUMNS, SUMMARY_COLUMNS
from leaderboard.alignment.layer_heat import LayerRow
from leaderboard.drawing.figures_scatter import Point, scatter
from leaderboard.markup.labels import label
from leaderboard.site import build
from tests.alignment_runs import LANGUAGES, LAYERS, UNKNOWN, aligned_share, write_alignment_run
from tests.leaderboard_runs import HOSTILE_MODEL, record_of, score
from tests.leaderboard_runs import MODELS as TRANSLATING
from tests.leaderboard_runs import write_run as write_translation_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_alignment_run(tmp_path_factory.mktemp("runs") / "one")


@pytest.fixture(scope="module")
def site(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build([run], tmp_path_factory.mktemp("site")).parent


@pytest.fixture(scope="module")
def page(site: Path) -> str:
    (path,) = site.glob("alignment-model-*.html")
    return path.read_text(encoding="utf-8")


class Rows(HTMLParser):
    """The cells of every body row of one table, as text, and the classes of their cells."""

    def __init__(self, page: str, table: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.classes: list[list[str]] = []
        start = page.index(f'id="{table}"')
        self.feed(page[page.index("<tbody>", start) : page.index("</tbody>", start)])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
            self.classes.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
            self.classes[-1].append(dict(attrs).get("class") or "")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def heat_tables(page: str) -> list[str]:
    return re.findall(r'<table class="heat lay" id="([^"]+)"', page)


def test_every_layer_of_every_language_stands_in_the_heat_map(page: str) -> None:
    mexa, ranker = (Rows(page, table) for table in heat_tables(page))
    assert len(mexa.rows) == len(LANGUAGES) + 1
    for row, classes in zip(mexa.rows, mexa.classes, strict=True):
        code = next(code for code in (*LANGUAGES, UNKNOWN) if code in row[0])
        shares = [aligned_share(code, layer) for layer in range(LAYERS)]
        assert row[-LAYERS:] == [f"{100 * share:.1f}" for share in shares]
        best = shares.index(max(shares))
        assert row[-LAYERS - 1] == str(best)
        assert ["bl" in name.split() for name in classes[-LAYERS:]] == [layer == best for layer in range(LAYERS)]
        assert row[3:5] == [f"{100 * fmean(shares):.1f}", f"{100 * max(shares):.1f}"]
    assert all(len(row) == len(mexa.rows[0]) - 1 for row in ranker.rows)
    assert mexa.classes[0][-LAYERS:] != mexa.classes[-1][-LAYERS:]


def test_no_layer_is_best_where_all_are_equal() -> None:
    rows = [LayerRow(label=label("amh_Ethi"), values=values) for values in ((0.0, 0.0), (0.1, 0.3, 0.3), (0.5,))]
    assert [row.best for row in rows] == [None, 1, None]


def test_language_ranker_begins_at_the_first_layer_above_the_embeddings(page: str) -> None:
    heads = [
        re.findall(r'<span class="vh">Layer </span>(\d+)', page[page.index(f'id="{table}"') :].partition("</thead>")[0])
        for table in heat_tables(page)
    ]
    assert heads == [["0", "1", "2", "3"], ["1", "2", "3"]]
    assert "layer; height: Language Ranker" in page
    assert "layer (0: embeddings); height: MEXA" in page


def test_metrics_of_the_same_curves_share_a_table(page: str) -> None:
    assert "Mean<small>MEXA</small>" in page
    assert "Highest<small>MEXA (best layer)</small>" in page


def test_the_order_has_intervals_and_unknown_languages_keep_their_code(page: str) -> None:
    places = Rows(page, re.findall(r'<table class="rows each" id="(r-[^"]+)"', page)[0])
    assert [row[1] for row in places.rows] == [str(place) for place in range(1, len(LANGUAGES) + 2)]
    assert UNKNOWN in places.rows[0][0]
    assert places.rows[0][-1] == "–"
    lowest = places.rows[-1][2].split(" to ")
    assert int(lowest[0]) > 1
    assert int(lowest[1]) == len(LANGUAGES) + 1


def test_alignment_stands_beside_the_measured_accuracy(page: str, site: Path) -> None:
    assert "Languages whose alignment is higher tend to score higher" in page
    assert f"{len(LANGUAGES)} languages" in page
    overview = (site / "alignment.html").read_text(encoding="utf-8")
    for text in (page, overview):
        assert text.count('class="sc"') >= 1
        figure = text[text.index('class="sc"') :].split("</svg>")[0]
        assert figure.count("<circle") == len(LANGUAGES)
        assert 'class="sl"' in figure
    assert "the score in the pivot (0.900) times MEXA" in page
    other = next(path for path in site.glob("alignment-*.html") if not path.name.startswith("alignment-model-"))
    assert "glotbench run sib200_classification" in other.read_text(encoding="utf-8")


def test_hostile_names_stand_as_text_everywhere(site: Path) -> None:
    for path in site.glob("alignment*.html"):
        text = path.read_text(encoding="utf-8")
        assert "<img src=x" not in text
        assert "\u202e" not in text
    assert "&lt;img src=x" in (site / "alignment.html").read_text(encoding="utf-8")


def test_the_data_have_every_number_at_full_precision(site: Path) -> None:
    (table,) = site.glob("alignment-model-*-layers.csv")
    rows = list(csv.DictReader(table.open(encoding="utf-8", newline="")))
    assert tuple(rows[0]) == LAYER_COLUMNS
    found = {(row["language"], int(row["layer"])): float(row["value"]) for row in rows if row["metric"] == "mexa"}
    assert found == {
        (code, layer): round(aligned_share(code, layer) * 40) / 40
        for code in (*LANGUAGES, UNKNOWN)
        for layer in range(LAYERS)
    }
    (curves,) = site.glob("alignment-model-*-layers.json")
    by_metric = {curve["metric"]: curve for curve in json.loads(curves.read_text(encoding="utf-8"))}
    assert (by_metric["mexa"]["first_layer"], by_metric["language_ranker"]["first_layer"]) == (0, 1)
    report = json.loads(next(site.glob("alignment-model-*[!s].json")).read_text(encoding="utf-8"))
    assert tuple(report[0]) == COLUMNS
    assert {row["what"] for row in report} >= {"alignment", "pearson", "spearman", "measured", "estimate"}
    summary = json.loads((site / "alignment.json").read_text(encoding="utf-8"))
    assert tuple(summary[0]) == SUMMARY_COLUMNS
    best = {(row["metric"], row["model"]): row["best_layer"] for row in summary}
    assert best["mexa", "model"] == best["language_ranker", HOSTILE_MODEL] == 2


def test_nothing_is_made_again_and_the_same_runs_give_the_same_bytes(run: Path, site: Path, tmp_path: Path) -> None:
    pages = sorted(path.name for path in site.glob("alignment*"))
    again = build([run], tmp_path / "again").parent
    assert [(again / name).read_bytes() for name in pages] == [(site / name).read_bytes() for name in pages]
    times = {name: (again / name).stat().st_mtime_ns for name in pages}
    build([run], again)
    assert {name: (again / name).stat().st_mtime_ns for name in pages} == times


def test_without_statistics_no_place_is_sure(run: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(run / "run.json", bare)
    ranking = alignment_report([RunFolder(bare)], Scope(models=("model",))).rankings[0]
    assert {(one.first, one.last) for one in ranking.languages} == {(1, len(LANGUAGES) + 1)}
    assert not ranking.resampled


def test_curves_of_a_metric_that_the_report_does_not_know_are_shown_without_an_order(tmp_path: Path) -> None:
    site = build([write_translation_run(tmp_path / "run")], tmp_path / "site").parent
    pages = [path.read_text(encoding="utf-8") for path in site.glob("alignment-*.html")]
    assert len(pages) == len(TRANSLATING)
    assert all(len(heat_tables(page)) == 1 and "The languages in order" not in page for page in pages)


def test_the_pivot_of_a_variant_is_named(tmp_path: Path) -> None:
    curve = score(
        "ߞߊ߲", "amh_Ethi", 0.5, task="parallel", variant="french", unit="fraction", bounds=(0, 1), segments=False,
        metric_options={"pivot": "fra_Latn"}, details={"layers": (0.4, 0.6)},
    )  # fmt: skip
    RunWriter(tmp_path / "run").finish(record_of(curve))
    site = build([tmp_path / "run"], tmp_path / "site").parent
    (page,) = site.glob("alignment-*.html")
    assert "how close is each language to French?" in page.read_text(encoding="utf-8")
    assert "Closest to French" in (site / "alignment.html").read_text(encoding="utf-8")


def test_runs_without_layers_have_no_such_page(tmp_path: Path) -> None:
    RunWriter(tmp_path / "run").finish(record_of(score("ߞߊ߲", "amh_Ethi", 1.0), score("ߞߊ߲", "fra_Latn", 2.0)))
    site = build([tmp_path / "run"], tmp_path / "site").parent
    assert not list(site.glob("alignment*"))
    assert "alignment.html" not in (site / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("slope", [None, 0.0, 0.5, -1.0, 100.0])
def test_lines_stay_inside_the_frame(slope: float | None) -> None:
    points = [Point(name="ߒߞߏ", x=0.2, y=0.3), Point(name="<b>", x=0.8, y=0.5, named=True)]
    drawn = str(scatter(points, "t", "x", "y", slope=slope, level=0.4))
    assert drawn.count("<circle") == 2
    assert "&lt;b&gt;" in drawn
    numbers = [float(number) for path in re.findall(r' d="([^"]+)"', drawn) for number in re.findall(r"[\d.]+", path)]
    assert max(numbers) <= 430
    assert ('class="sl"' in drawn) == (slope is not None)
