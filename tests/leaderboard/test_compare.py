"""Pages of two models: the same numbers as ``glotbench compare``, what cannot be tested, which pairs, hostile names."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from harness.boards import boards
from harness.compare import Contrast, compare
from harness.records import Fingerprint, RunRecord, ScoreRecord
from harness.store import RunFolder, RunWriter
from harness.systems import find_systems
from leaderboard.building import paging
from leaderboard.compare import compare_view
from leaderboard.compare.compare_view import FEW_ROWS
from leaderboard.data.model_pairs import MOST_MODELS, MOST_PAIRS, others, pairs
from leaderboard.markup.pages import pair_page
from leaderboard.site import build
from tests.leaderboard_many_runs import write_runs
from tests.leaderboard_runs import HOSTILE_MODEL, MODELS, TEXTS, record_of, score

LANGUAGES = ("amh_Ethi", "arb_Arab", "mya_Mymr", "tha_Thai", "jpn_Jpan", "nqo_Nkoo")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def site(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(runs, tmp_path_factory.mktemp("site")).parent


@pytest.fixture(scope="module")
def one_site(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(runs[:1], tmp_path_factory.mktemp("one-site")).parent


@pytest.fixture(scope="module")
def plain_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models whose scores came without segments: one with intervals, one on other data in Burmese."""
    folder = tmp_path_factory.mktemp("plain")
    rows = []
    for place, language in enumerate(LANGUAGES):
        rows += [
            imported("ana", language, 50.0 + place, ci_low=48.0 + place, ci_high=53.0 + place),
            imported("ben", language, 55.0 - 3 * place, ci_low=51.0 - 3 * place, ci_high=58.0 - 3 * place),
            imported("cid", language, 40.0, fingerprint=Fingerprint(dataset="other" if place == 2 else "")),
        ]
    run = write(folder / "run", record_of(*rows, imported("cid", "eng_Latn", 90.0)))
    return build([run], folder / "site").parent


def imported(model: str, language: str, value: float, **changes: object) -> ScoreRecord:
    facts = {"segments": False, "n": 0, "ci_low": None, "ci_high": None}
    return score(model, language, value, **(facts | changes))


def write(folder: Path, record: RunRecord) -> Path:
    RunWriter(folder).finish(record)
    return folder


def data(site: Path, first: str, second: str) -> dict[str, list[dict[str, object]]]:
    found = json.loads((site / pair_page(first, second)).with_suffix(".json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def text(site: Path, first: str, second: str) -> str:
    return (site / pair_page(first, second)).read_text("utf-8")


class TestNumbers:
    """A page has exactly what ``glotbench compare`` prints for the same two systems."""

    NUMBERS = ("value", "value_against", "delta", "stderr", "low", "high", "p", "p_corrected", "verdict", "n")
    MORE = ("minimum_detectable_effect", "left_out", "clusters", "languages", "higher_is_better")

    def test_scores_of_one_run(self, runs: list[Path], one_site: Path) -> None:
        for first, second in combinations(MODELS, 2):
            expected = compare([RunFolder(runs[0])], models=(first, second)).contrasts
            found = data(one_site, first, second)["contrasts"]
            assert len(found) == len(expected) > 6
            assert {(row["against"], row["system"]) for row in found} == {(first, second)}
            for row in expected:
                own = self.same(found, row)
                for name in (*self.NUMBERS, *self.MORE):
                    assert own[name] == getattr(row, name), (row.language, name)
                assert [drop["segment"] for drop in own["worst"]] == [drop.segment for drop in row.worst[:3]]

    @staticmethod
    def same(found: list[dict[str, object]], row: Contrast) -> dict[str, object]:
        """The row of the page's data about the same task, prompt, language and metric."""
        names = ("task", "variant", "prompt", "language", "metric")
        (own,) = [own for own in found if all(own[name] == getattr(row, name) for name in names)]
        return own

    def test_scores_of_several_runs(self, runs: list[Path], site: Path) -> None:
        """``good`` was measured again later; the site counts the later scores against the others' earlier ones."""
        folders = [RunFolder(runs[0]), RunFolder(runs[3])]
        later = [system.name for system in find_systems(folders) if system.name.startswith("good")][-1]
        expected = [row for row in compare(folders, models=["weak", later]).contrasts if row.task == "mt"]
        found = [row for row in data(site, "good", "weak")["contrasts"] if row["task"] == "mt"]
        assert [row["system"] for row in found] == ["good"] * len(expected)
        for row in expected:
            own = self.same(found, row)
            assert [own[name] for name in self.NUMBERS] == [getattr(row, name) for name in self.NUMBERS]

    def test_csv_has_the_same_rows(self, site: Path) -> None:
        path = (site / pair_page("good", "weak")).with_suffix(".csv")
        rows = [row for row in csv.DictReader(path.open(encoding="utf-8", newline="")) if row["p"]]
        found = data(site, "good", "weak")["contrasts"]
        assert [(row["language"], float(row["delta"])) for row in rows] == [
            (row["language"], row["delta"]) for row in found
        ]

    def test_what_only_one_has_is_listed(self, site: Path) -> None:
        page = text(site, "weak", HOSTILE_MODEL)
        assert "Not compared" in page
        assert "only in weak" in page

    def test_the_summary_counts_the_verdicts(self, site: Path) -> None:
        found = [row for row in data(site, "good", HOSTILE_MODEL)["contrasts"] if row["metric"] == "chrf++"]
        languages = [row["verdict"] for row in found if row["language"] != "macro"]
        page = text(site, "good", HOSTILE_MODEL)
        better, worse = languages.count("better"), languages.count("worse")
        assert f"A is better in {better} of {len(languages)} directions, B in {worse};" in page


class TestSegments:
    def test_the_largest_differences_stand_with_both_texts_and_their_pages(self, site: Path) -> None:
        page = text(site, "good", "weak")
        assert "Where they differ" in page
        assert '<dd class="tx" dir="auto" lang="am">' in page
        links = re.findall(r'href="(s/[^"#]+)#(seg-[^"]+)"', page)
        assert links
        for name, anchor in links:
            assert f'id="{anchor}"' in (site / name).read_text("utf-8")

    def test_what_only_one_wrote_is_marked(self, site: Path) -> None:
        page = text(site, "good", "weak")
        assert "<ins>" in page or "<del>" in page

    def test_hostile_texts_and_names_stand_as_text(self, site: Path) -> None:
        for page in (text(site, "good", HOSTILE_MODEL), (site / "compare.html").read_text("utf-8")):
            for forbidden in ("<script>alert", "<img src=x", "<svg onload", "\x00", "\u202e"):
                assert forbidden not in page


class TestUntested:
    def test_differences_of_plain_scores(self, plain_site: Path) -> None:
        found = data(plain_site, "ana", "ben")
        assert found["contrasts"] == []
        rows = {str(row["language"]): row for row in found["untested"]}
        assert set(rows) == {"macro", *LANGUAGES}
        sign = 1 if rows["macro"]["system"] == "ana" else -1
        for place, language in enumerate(LANGUAGES):
            assert rows[language]["delta"] == sign * (4.0 * place - 5)
            assert rows[language]["verdict"] == "cannot be tested: no segments"
        assert rows["macro"]["delta"] == sign * 5.0

    def test_an_interval_is_that_of_independent_scores(self, plain_site: Path) -> None:
        """The ends by Zou and Donner: each score's own distance to its ends, added in squares."""
        (row,) = [row for row in data(plain_site, "ana", "ben")["untested"] if row["language"] == "amh_Ethi"]
        low, high = sorted((-5 - math.hypot(2, 3), -5 + math.hypot(3, 4)))
        expected = (low, high) if row["system"] == "ana" else (-high, -low)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected)
        assert "as of independent samples" in text(plain_site, "ana", "ben")

    def test_no_interval_where_a_score_has_none(self, plain_site: Path) -> None:
        found = data(plain_site, "ana", "cid")["untested"]
        assert {row["ci_low"] for row in found} == {None}
        assert "as of independent samples" not in text(plain_site, "ana", "cid")

    def test_scores_of_other_data_are_never_subtracted(self, plain_site: Path) -> None:
        found = data(plain_site, "ana", "cid")
        assert "mya_Mymr" not in {row["language"] for row in found["untested"]}
        reasons = {row["language"]: row["reason"] for row in found["not_compared"]}
        assert set(reasons) == {"mya_Mymr", "eng_Latn"}
        assert "dataset differs" in str(reasons["mya_Mymr"])
        assert reasons["eng_Latn"] == "only in cid"

    def test_the_page_says_that_nothing_is_tested(self, plain_site: Path) -> None:
        page = text(plain_site, "ana", "cid")
        assert "that cannot be tested: no segments" in page
        assert "A’s score is the better one in" in page
        assert "Benjamini" not in page

    def test_segments_of_one_of_the_two_are_not_enough(self, runs: list[Path], tmp_path: Path) -> None:
        record = RunFolder(runs[0]).record
        plain = [
            replace(own, segments=False, model="elsewhere", value=50.0)
            for own in record.scores
            if own.model == "good" and own.metric == "chrf++"
        ]
        run = write(tmp_path / "other", record_of(*plain, created="2027-01-01"))
        found = data(build([runs[0], run], tmp_path / "site").parent, "good", "elsewhere")
        assert found["contrasts"] == []
        assert {row["language"] for row in found["untested"]} == {"macro", *(f"eng_Latn-{code}" for code in TEXTS)}
        assert all("only in good" in str(row["reason"]) for row in found["not_compared"])


class TestDirectionOfGoodness:
    @pytest.mark.parametrize(("higher", "right"), [(True, "A"), (False, "B")])
    def test_the_side_of_zero_is_said(self, tmp_path: Path, higher: bool, right: str) -> None:
        rows = [
            imported(model, language, value + place, higher_is_better=higher)
            for model, value in (("first", 10.0), ("second", 30.0))
            for place, language in enumerate(LANGUAGES)
        ]
        site = build([write(tmp_path / "run", record_of(*rows))], tmp_path / "site").parent
        page = text(site, "first", "second")
        assert f'right of zero <b class="ab">{right}</b> is better' in page
        system = data(site, "first", "second")["untested"][0]["system"]
        best = "second" if higher else "first"
        assert f"{'A' if system == best else 'B'}’s score is the better one by 20.00 on the mean over 6" in page


class TestPairs:
    @staticmethod
    def found(models: int, tasks: int = 1) -> tuple[list[frozenset[str]], RunRecord]:
        record = record_of(
            *(
                imported(f"m{model:02d}", language, float((model * (7 + task)) % models), task=f"t{task}")
                for task in range(tasks)
                for model in range(models)
                for language in LANGUAGES[:2]
            )
        )
        return [frozenset(one.title for one in pair.models) for pair in pairs(boards([record]), [record])], record

    def test_all_pairs_while_models_are_few(self) -> None:
        found, _ = self.found(MOST_MODELS)
        assert len(found) == len(set(found)) == MOST_MODELS * (MOST_MODELS - 1) // 2

    def test_neighbours_and_the_leader_of_many(self) -> None:
        found, _ = self.found(MOST_MODELS + 1)
        models = MOST_MODELS + 1
        ranked = sorted(range(models), key=lambda model: -((model * 7) % models))
        names = [f"m{model:02d}" for model in ranked]
        expected = {frozenset(two) for two in pairwise(names)}
        expected |= {frozenset((names[0], other)) for other in names[1:]}
        assert set(found) == expected

    def test_no_more_than_the_limit_and_always_the_same(self) -> None:
        found, _ = self.found(60, tasks=3)
        assert len(found) == len(set(found)) == MOST_PAIRS
        assert self.found(60, tasks=3)[0] == found

    def test_models_that_share_no_task_are_no_pair(self) -> None:
        record = record_of(imported("a", "yor_Latn", 1.0, task="t"), imported("b", "yor_Latn", 1.0, task="u"))
        assert pairs(boards([record]), [record]) == ()

    def test_a_page_is_found_from_either_side(self) -> None:
        record = record_of(imported("ሀ", "yor_Latn", 1.0), imported("b", "yor_Latn", 1.0), imported("c", "yor_Latn", 2))
        found = pairs(boards([record]), [record])
        by_title = {pair.system.title: pair.system for pair in found} | {
            pair.against.title: pair.against for pair in found
        }
        assert pair_page("ሀ", "b") == pair_page("b", "ሀ")
        assert pair_page("ሀ", "b") != pair_page("c", "b")
        assert {(model.title, page) for model, page in others(found, by_title["b"])} == {
            ("ሀ", pair_page("ሀ", "b")),
            ("c", pair_page("c", "b")),
        }

    def test_one_model_has_no_page_and_no_link(self, tmp_path: Path) -> None:
        run = write(tmp_path / "run", record_of(imported("alone", "yor_Latn", 1.0)))
        site = build([run], tmp_path / "site").parent
        assert not (site / "compare.html").exists()
        assert "compare.html" not in (site / "index.html").read_text("utf-8")


class TestIndex:
    def test_every_pair_is_linked_both_ways_round(self, site: Path) -> None:
        page = (site / "compare.html").read_text("utf-8")
        for two in combinations(MODELS, 2):
            assert page.count(f'href="{pair_page(*two)}#') >= 2

    def test_data_count_the_languages(self, site: Path) -> None:
        rows = json.loads((site / "compare.json").read_text("utf-8"))
        for row in rows:
            tested = row["better"] + row["worse"] + row["no_difference_shown"]
            assert row["languages"] == tested + row["untested"]
            assert (site / row["page"]).exists()

    def test_many_models_say_which_pairs_and_why(self, tmp_path: Path) -> None:
        rows = [imported(f"m{model:02d}", code, float(model)) for model in range(14) for code in LANGUAGES[:3]]
        site = build([write(tmp_path / "run", record_of(*rows))], tmp_path / "site").parent
        page = (site / "compare.html").read_text("utf-8")
        assert "of 91 pairs of 14 models" in page
        assert "places 1 and 2 of t" in page
        assert "glotbench compare RUN... --models" in page


def test_of_very_many_languages_the_largest_differences_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_view, "MOST_ROWS", 50)
    rows = [
        imported(model, f"x{place:02d}", float(place % 7) + (place if model == "b" else 0))
        for model in "ab"
        for place in range(51)
    ]
    site = build([write(tmp_path / "run", record_of(*rows))], tmp_path / "site", workers=1).parent
    page = text(site, "a", "b")
    assert page.count('<tr><th scope="row">') == FEW_ROWS + 1
    assert f"The {FEW_ROWS} of 51 languages with the largest differences both ways" in page
    shown = {row["language"] for row in data(site, "a", "b")["untested"]}
    assert shown == {"macro", *(f"x{place:02d}" for place in (*range(10), *range(41, 51)))}


def test_a_run_that_lost_its_statistics_is_not_tested(runs: list[Path], tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("run.json", "run.json.sha256"):
        (bare / name).write_bytes((runs[0] / name).read_bytes())
    found = data(build([bare], tmp_path / "site").parent, "good", "weak")
    assert found["contrasts"] == []
    assert len(found["untested"]) > len(TEXTS)


def test_texts_that_no_page_can_hold_are_left_out_and_it_is_said(
    runs: list[Path], one_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = text(one_site, "good", "weak")
    monkeypatch.setattr(paging, "PAGE_BYTES", len(whole.encode("utf-8")) - 1)
    page = text(build(runs[:1], tmp_path / "cut", workers=1).parent, "good", "weak")
    assert "too long for this page" not in whole
    assert "too long for this page" in page
    assert "Where they differ" not in page
