import csv
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from harness.errors import RecordError, UserError
from harness.records import ScoreRecord
from harness.store import RunFolder, RunWriter, SegmentRow
from leaderboard.site import build
from leaderboard.views.exports import STANDING_COLUMNS
from leaderboard.views.score_data import SCORE_COLUMNS
from leaderboard.views.segments import read
from tests.leaderboard_runs import HOSTILE_MODEL, MISSING, SEGMENTS, TEXTS, record_of, score, write_run

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """Links, ids, tags and cells of a page; fails where tags do not nest."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(self.text)
        assert not self._open, f"{path}: not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{self.path}:{self.getpos()}: </{tag}> does not match"

    @property
    def ids(self) -> set[str | None]:
        return {attrs["id"] for _, attrs in self.tags if "id" in attrs}

    @property
    def addresses(self) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags for name in ("href", "src") if name in attrs]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "one")


@pytest.fixture(scope="module")
def site(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build([run], tmp_path_factory.mktemp("site")).parent


@pytest.fixture(scope="module")
def pages(site: Path) -> list[Page]:
    return [Page(path) for path in sorted(site.rglob("*.html"))]


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_kind_of_page_is_there(site: Path) -> None:
    assert (site / "index.html").is_file()
    assert (site / "about.html").is_file()
    assert len(list(site.glob("task-*.html"))) == 2
    assert len(list(site.glob("language-*.html"))) == len(TEXTS) + 1
    assert len(list(site.glob("s/*.html"))) == 3 * len(TEXTS) * 2 - 1


def test_all_links_lead_inside_the_site_and_nothing_is_fetched_from_elsewhere(site: Path, pages: list[Page]) -> None:
    by_path = {page.path.resolve(): page for page in pages}
    for page in pages:
        for address in page.addresses:
            parts = urlsplit(address)
            assert not parts.scheme, address
            assert not parts.netloc, address
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path.resolve()
            assert target.is_file(), f"{page.path}: {address}"
            assert target.is_relative_to(site.resolve())
            if parts.fragment:
                assert parts.fragment in by_path[target].ids, f"{page.path}: {address}"
    for asset in (site / "assets").iterdir():
        text = asset.read_text(encoding="utf-8")
        assert not any(word in text for word in ("http:", "https:", "url(", "@import", "fetch(", "XMLHttpRequest"))


def test_no_page_has_inline_script_style_or_handlers(pages: list[Page]) -> None:
    for page in pages:
        scripts = [attrs for tag, attrs in page.tags if tag == "script"]
        sources = [attrs.get("src") or "" for attrs in scripts]
        assert sources[0].endswith("assets/table.js")
        assert all(re.fullmatch(r"(\.\./)*assets/[a-z]+\.js", source) for source in sources)
        for tag, attrs in page.tags:
            assert tag not in ("style", "img", "iframe", "em", "i") or attrs.get("class", "").startswith("h")
            assert not any(name == "style" or name.startswith("on") for name in attrs)
        policy = [attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
        assert policy
        assert "unsafe" not in (policy[0] or "")


def test_hostile_texts_stand_as_text(pages: list[Page]) -> None:
    for page in pages:
        for forbidden in ("<script>alert", "<img src=x", "<b>bold", "\x00", "\u202e"):
            assert forbidden not in page.text, f"{page.path}: {forbidden!r}"
    assert any("&lt;script&gt;alert(1)&lt;/script&gt;" in page.text and ">NUL</span>" in page.text for page in pages)
    assert any("👩🏽‍🔬" in page.text for page in pages)


def test_missing_is_never_zero(site: Path) -> None:
    model, direction = MISSING
    index = (site / "index.html").read_text(encoding="utf-8")
    assert '<td class="x" title="no answer">–</td>' in index
    assert '<td class="x">–</td>' in index
    (task,) = site.glob("task-mt-*.csv")
    rows = list(csv.DictReader(task.open(encoding="utf-8", newline="")))
    assert tuple(rows[0]) == SCORE_COLUMNS
    missing = [row for row in rows if (row["model"], row["language"]) == (model, direction)]
    assert [row["value"] for row in missing] == ["", ""]
    assert [row["n_failed"] for row in missing] == [str(SEGMENTS)] * 2


def test_data_files_have_full_precision(site: Path, run: Path) -> None:
    (task,) = site.glob("task-mt-*.json")
    records = RunFolder(run).record.scores
    exported = json.loads(task.read_text(encoding="utf-8"))
    expected = {(own.model, own.language, own.metric): own.value for own in records if own.task == "mt"}
    found = {}
    for table in exported:
        shared = {
            name: value for name, value in table.items() if name not in ("rows", "columns", "fingerprints", "more")
        }
        for place, values in enumerate(table["rows"]):
            row = dict(zip(table["columns"], values, strict=True)) | table["more"].get(str(place), {})
            row["fingerprint"] = table["fingerprints"][row["fingerprint"]]
            assert row.pop("comparable", True)
            whole = ScoreRecord(**(shared | row))
            assert whole in records
            found[whole.model, whole.language, whole.metric] = whole.value
    assert found == expected
    overview = json.loads((site / "overview.json").read_text(encoding="utf-8"))
    assert tuple(overview[0]) == STANDING_COLUMNS
    good = next(row for row in overview if row["metric"] == "chrf++" and row["model"] == "good")
    assert (good["rank_first"], good["rank_last"], good["languages_common"]) == (1, 1, 4)


def test_labels_stand_wherever_the_name_does(pages: list[Page]) -> None:
    for page in pages:
        names = page.text.count('<bdi class="mn">weak</bdi>')
        labelled = '<bdi class="mn">weak</bdi>(?:</a>)? <span class="lab" title="Remark about this model">toy<'
        labels = len(re.findall(labelled, page.text))
        assert names == labels


def test_cells_carry_language_and_direction(site: Path, pages: list[Page]) -> None:
    for page in pages:
        for tag, attrs in page.tags:
            if tag == "td" and "tx" in (attrs.get("class") or ""):
                assert attrs.get("dir") == "auto"
                assert attrs.get("lang")
    (language,) = site.glob("language-amh-ethi-*.html")
    assert 'lang="am" dir="auto">አማርኛ' in language.read_text(encoding="utf-8")


def test_chance_direction_and_unit_are_said_in_words(site: Path) -> None:
    (task,) = site.glob("task-mt-*.html")
    text = task.read_text(encoding="utf-8")
    assert "↑ higher is better" in text
    assert "points, 0–100" in text
    assert "guessing: 0.2" in text


def test_segments_come_worst_first_with_the_failed_ones_last(run: Path, site: Path) -> None:
    (page,) = [path for path in site.glob("s/eng-latn-fra-latn-*.html") if "server said" in path.read_text("utf-8")]
    text = page.read_text(encoding="utf-8")
    order = [part.split("<")[0].strip() for part in text.split('<th scope="row">')[1:]]
    assert order[-1] == "s03"
    views = read(RunFolder(run), ("weak", "mt", "", "zero", "eng_Latn-fra_Latn"))
    by_score = {view.segment: view.scores.get("chrf++") for view in views}
    found = [by_score[segment] for segment in order[:-1]]
    assert found == sorted(found, key=lambda own: own or 0.0)
    assert "server said &lt;em&gt;no&lt;/em&gt;" in text


def test_alignment_segments_say_what_was_found(site: Path) -> None:
    page = next(iter(site.glob("s/amh-ethi-*.html"))).read_text(encoding="utf-8")
    assert "✗ missed" in page
    assert "✓ found" in page


def test_output_is_deterministic(run: Path, site: Path, tmp_path: Path) -> None:
    again = build([run], tmp_path / "again").parent
    assert contents(again) == contents(site)


def test_rebuilding_removes_stale_pages_and_nothing_else(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build([run], out)
    (out / "mine.txt").write_text("kept")
    writer = RunWriter(tmp_path / "small")
    writer.finish(record_of(score("a", "fra_Latn", 1.0)))
    build([tmp_path / "small"], out)
    assert (out / "mine.txt").read_text() == "kept"
    assert not list(out.glob("s/*.html"))
    assert [path.name.split("-")[1] for path in out.glob("language-*.html")] == ["fra"]


def test_runs_from_other_data_are_shown_and_marked(run: Path, tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "other")
    record = RunFolder(run).record
    foreign = [
        replace(own, model="foreign", fingerprint=replace(own.fingerprint, dataset="d2"))
        for own in record.scores
        if own.model == "good" and own.task == "mt"
    ]
    writer.finish(record_of(*foreign, run_id="other"))
    index = build([run, tmp_path / "other"], tmp_path / "site").read_text(encoding="utf-8")
    assert "not comparable with the other models" in index
    assert 'class="ne"' in index


def test_a_run_without_parquet_files_still_gives_its_tables(run: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("run.json", "run.json.sha256"):
        (bare / name).write_bytes((run / name).read_bytes())
    index = build([bare], tmp_path / "site").read_text(encoding="utf-8")
    assert "no statistics of segments to resample" in index
    assert 'href="s/' not in index


def test_a_damaged_table_is_an_error_that_names_the_file(run: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for path in run.iterdir():
        (bad / path.name).write_bytes(path.read_bytes())
    (bad / "segments.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(RecordError, match=r"segments\.parquet"):
        build([bad], tmp_path / "site")


def test_no_runs_and_a_file_in_the_way_are_mistakes_of_the_user(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run"):
        build([], tmp_path / "site")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        build([run], tmp_path / "file")


def test_no_model_name_reaches_a_file_name(site: Path) -> None:
    assert HOSTILE_MODEL
    for path in site.rglob("*.html"):
        assert all(char.isascii() and (char.isalnum() or char in "-.") for char in path.name)


MOST_BYTES = 3_000_000


def page_sizes(out: Path) -> dict[str, int]:
    return {str(path.relative_to(out)): path.stat().st_size for path in out.rglob("*.html")}


def test_two_hundred_languages_and_a_hundred_models_stay_small(tmp_path: Path) -> None:
    scores = [
        score(f"model-{model:03d}", f"l{language:03d}_Latn", 20 + (model * 7 + language * 13) % 60 + 0.123456, **facts)
        for facts in ({}, {"metric": "other", "details": {"layers": (0.1, 0.2, 0.3)}})
        for model in range(100)
        for language in range(200)
    ]
    RunWriter(tmp_path / "big").finish(record_of(*scores))
    out = build([tmp_path / "big"], tmp_path / "site").parent
    sizes = page_sizes(out)
    assert max(sizes.values()) < MOST_BYTES
    assert sizes["index.html"] < 1_400_000
    models = sorted(out.glob("model-*.html"))
    assert len(models) == 100
    rows = "".join(path.read_text(encoding="utf-8") for path in models).count('<tr data-k="')
    assert rows == len(scores)
    for path in [*models[:2], *out.glob("task-*.html")]:
        for address in Page(path).addresses:
            assert (out / urlsplit(address).path).is_file() or not urlsplit(address).path


def test_thousands_of_directions_are_spread_over_pages(tmp_path: Path) -> None:
    codes = [f"l{index:02d}_Latn" for index in range(60)]
    scores = [
        score(model, f"{one}-{other}", float(10 * (one == codes[0]) + codes.index(other)))
        for model in "ab"
        for one in codes
        for other in codes
        if one != other
    ]
    RunWriter(tmp_path / "big").finish(record_of(*scores))
    out = build([tmp_path / "big"], tmp_path / "site").parent
    assert max(page_sizes(out).values()) < MOST_BYTES
    task = next(out.glob("task-*.html")).read_text(encoding="utf-8")
    assert task.count("From each language into each") == 2
    first_row = task.partition(f"{codes[0]}</bdi></a></th>")[2].partition("</tr>")[0]
    assert first_row.startswith('<td>40</td><td class="x"></td><td class=h1>11</td><td class=h1>12</td>')  # 10 + 1..59
    assert '<th scope="row">Mean</th><td></td><td>0</td><td>1</td><td>2</td>' in task
    pages = sorted(out.glob("model-a-*.html"))
    assert len(pages) == 3
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    assert text.count('<tr data-k="') == 60 * 59
    assert "Part <a href=" in text


def test_means_of_scripts_and_resource_classes_stand_beside_each_other(tmp_path: Path) -> None:
    scores = [
        score(model, language, value + bonus)
        for model, bonus in (("ሞዴል", 0.0), ("b", 5.0))
        for language, value in (("amh_Ethi", 10.0), ("tir_Ethi", 20.0), ("fra_Latn", 60.0))
    ]
    RunWriter(tmp_path / "run").finish(record_of(*scores))
    text = next((build([tmp_path / "run"], tmp_path / "site").parent).glob("task-*.html")).read_text(encoding="utf-8")
    rows = re.findall(
        r'<tr><th scope="row"><bdi>([^<]+)</bdi></th><td class="x">(\d+)</td>\s*(.*?)</tr>', text, re.DOTALL
    )
    means = {name: (count, re.findall(r'class="h\d">([\d.]+)', cells)) for name, count, cells in rows}
    assert means["Ethiopic (Ethi)"] == ("2", ["20.0", "15.0"])  # in the order of the ranking
    assert means["5 (Winners)"] == ("1", ["65.0", "60.0"])


def test_long_texts_are_cut_and_the_cut_is_said(tmp_path: Path) -> None:
    rows = [
        SegmentRow(segment=str(index), cluster=str(index), source="\u202e" * 50_000, references=("x",), hypothesis="y")
        for index in range(30)
    ]
    writer = RunWriter(tmp_path / "long")
    writer.add_unit(("a", "t", "", "", "fra_Latn"), rows, {})
    writer.finish(record_of(score("a", "fra_Latn", 1.0)))
    out = build([tmp_path / "long"], tmp_path / "site").parent
    (page,) = out.glob("s/*.html")
    text = page.read_text(encoding="utf-8")
    assert len(text.encode("utf-8")) < MOST_BYTES
    assert text.count("more characters") == len(rows)
    assert "so that it opens everywhere; CSV and JSON have them whole" in text
    parts = sorted(out.glob("s/*.json"), key=lambda path: (len(path.name), path.name))
    assert all(path.stat().st_size < MOST_BYTES for path in out.glob("s/*"))
    whole = [row for path in parts for row in json.loads(path.read_text(encoding="utf-8"))["segments"]]
    assert [row["source"] for row in whole] == [row.source for row in rows]
    assert all(f'href="../s/{path.name}"' in text for path in parts)


def test_texts_that_a_spreadsheet_would_run_are_not_formulas_in_csv(tmp_path: Path) -> None:
    scores = [score("=cmd|' /C calc'!A0", "fra_Latn", -0.1234567890123456, bounds=(-1, 1))]
    RunWriter(tmp_path / "run").finish(record_of(*scores))
    out = build([tmp_path / "run"], tmp_path / "site").parent
    (task,) = out.glob("task-*.csv")
    for path in (task, out / "overview.csv"):
        row = next(csv.DictReader(path.open(encoding="utf-8", newline="")))
        assert row["model"] == "'=cmd|' /C calc'!A0"
        assert row.get("value", row.get("mean")) == "-0.1234567890123456"


def test_what_a_metric_measures_is_said_where_it_is_introduced(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run")
    rows = [SegmentRow(segment="0", cluster="0", source="x", references=("x",), hypothesis="y")]
    writer.add_unit(("a", "t", "", "", "fra_Latn"), rows, {})
    facts = {"description": "How <much> it holds.", "higher_is_better": False, "chance": 25.0}
    writer.finish(record_of(score("a", "fra_Latn", 1.0, **facts)))
    out = build([tmp_path / "run"], tmp_path / "site").parent
    for kind in ("index.html", "about.html", "task-*.html", "language-*.html", "s/*.html"):
        (page,) = out.glob(kind)
        text = page.read_text(encoding="utf-8")
        for words in ("How &lt;much&gt; it holds.", "lower is better", "points, 0–100", "guessing: 25.0"):
            assert words in text, (kind, words)


def test_the_overview_says_at_a_glance_who_leads_and_how_surely(tmp_path: Path) -> None:
    languages = {"fra_Latn": 0.0, "ewe_Latn": -20.0, "amh_Ethi": -10.0, "deu_Latn": 5.0}
    means = {"first": 60.0, "second": 50.0, "third": 49.5}
    scores = [score(name, code, mean + shift) for name, mean in means.items() for code, shift in languages.items()]
    RunWriter(tmp_path / "run").finish(record_of(*scores))
    index = build([tmp_path / "run"], tmp_path / "site").read_text(encoding="utf-8")
    glance = index.partition('class="glance"')[2].partition("</table>")[0]
    assert '<span class="sure">clear lead</span>, 10.0 ahead of <bdi class="mn">second</bdi>' in glance
    hardest = [part.split("<")[0] for part in glance.split('<span class="nb"><bdi>')[1:]]
    assert hardest == ["Ewe", "Amharic", "French"]
    assert "none of 12" in glance
