"""A comparison for people: lines that fit a terminal in every script, sentences that say what was and was not shown."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from harness.compare import CompareOptions, Comparison, compare
from harness.comparison_lines import WIDTH, comparison_lines, cut, wrapped
from harness.comparison_words import grouped_reasons, tables, verdict_words
from harness.export import csv_text
from harness.records import Fingerprint
from harness.reports import COMPARE_COLUMNS, comparison_json, comparison_markdown, comparison_rows
from tests.harness.synthetic_runs import HOSTILE, Unit, create, write_run

OPTIONS = CompareOptions(create=create, draws=500)
LANGUAGES = ("eng_Latn-amh_Ethi", "eng_Latn-jpn_Jpan", "eng_Latn-mya_Mymr", "eng_Latn-nqo_Nkoo")


@pytest.fixture
def found(tmp_path: Path) -> Comparison:
    """Worse in Amharic, the same in Japanese, unclear in Burmese (with segments missing), another data set in N'Ko."""
    rng = np.random.default_rng(0)
    units = []
    for place, language in enumerate(LANGUAGES):
        values = rng.uniform(40, 60, 150)
        old = Unit(model="old", language=language, values=values)
        shift = (-5.0, 0.0, 0.1, 0.0)[place]
        noise = rng.normal(0, 2, 150) * (place != 1)
        new = old.changed(model="new", values=values + shift + noise)
        if place == 2:
            new = new.changed(values=new.values[:140], segments=tuple(f"s{row}" for row in range(140)))
        if place == 3:
            new = new.changed(fingerprint=Fingerprint(dataset="other", prompt="p", metric="m", decoding="greedy"))
        units += [old, new]
    return compare([write_run(tmp_path / "run", units)], options=OPTIONS)


class TestLines:
    @pytest.mark.parametrize("worst", [None, 0, 3])
    def test_every_line_fits_and_does_nothing_else(self, found: Comparison, worst: int | None) -> None:
        lines = list(comparison_lines(found, worst=worst))
        assert max(map(cell_len, lines)) <= WIDTH
        assert not {"\x1b", "\u202e", "\x07", "\n"} & set("".join(lines))

    def test_columns_line_up(self, found: Comparison) -> None:
        lines = list(comparison_lines(found))
        header = next(line for line in lines if line.lstrip().startswith("language"))
        rows = [line for line in lines if line.startswith(("  macro (", "  eng_Latn"))]
        assert len(rows) == 4
        assert {cell_len(line) for line in (header, *rows)} == {cell_len(header)}

    def test_it_says_what_was_found(self, found: Comparison) -> None:
        text = " ".join(" ".join(comparison_lines(found)).split())
        assert "worse in 1 of 3: eng_Latn-amh_Ethi; no difference shown in 2 of 3" in text
        assert "mean over 3 languages (150 items)" in text
        assert "Left out, because only one of the two has them or has a score for them: eng_Latn-mya_Mymr 10" in text
        assert (
            "Not compared: new against old, flores / quality, eng_Latn-nqo_Nkoo: not comparable: dataset diff" in text
        )
        assert "corrected by Benjamini-Hochberg" in text
        assert "would have found four times in five" in text

    def test_worst_segments_are_of_what_got_worse(self, found: Comparison) -> None:
        def listed(worst: int | None) -> list[str]:
            return [line for line in comparison_lines(found, worst=worst) if "largest losses" in line]

        assert [line.split()[-1] for line in listed(None)] == ["eng_Latn-amh_Ethi:"]
        assert len(listed(2)) == 2, "Japanese never differed and has no losses"
        assert listed(0) == []

    def test_many_languages_that_got_worse_are_cut(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        units = []
        for number in range(6):
            values = rng.uniform(40, 60, 50)
            old = Unit(model="old", language=f"l{number}", values=values)
            units += [old, old.changed(model="new", values=values - 3 - number)]
        found = compare([write_run(tmp_path / "run", units)], options=OPTIONS)
        lines = list(comparison_lines(found))
        assert [line.split()[-1] for line in lines if "largest losses" in line] == ["l5:", "l4:", "l3:"]
        assert any("3 more got worse; --worst 3" in line for line in lines)

    def test_systems_that_never_differ_take_one_line(self, tmp_path: Path) -> None:
        old = [Unit(model="old", language=name, values=np.arange(30.0)) for name in ("a", "b")]
        new = [unit.changed(model="new") for unit in old]
        text = "\n".join(comparison_lines(compare([write_run(tmp_path / "run", old + new)], options=OPTIONS)))
        assert "the two never differed" in text
        assert "difference (95 % interval)" not in text

    def test_nothing_comparable_says_so(self, tmp_path: Path) -> None:
        old = Unit(model="old", values=np.arange(9.0))
        new = old.changed(model="new", fingerprint=Fingerprint(dataset="x", prompt="p", metric="m", decoding="greedy"))
        found = compare([write_run(tmp_path / "run", [old, new])], options=OPTIONS)
        assert next(iter(comparison_lines(found))) == "Nothing could be compared."
        assert "Nothing could be compared." in comparison_markdown(found)


class TestWords:
    def test_verdicts(self, found: Comparison) -> None:
        words = {row.language: verdict_words(row) for row in found.contrasts}
        assert words["eng_Latn-amh_Ethi"].startswith("worse by 5.")
        assert words["eng_Latn-amh_Ethi"].endswith("p<0.001") or "p=0.00" in words["eng_Latn-amh_Ethi"]
        assert words["eng_Latn-jpn_Jpan"] == "no difference: the two never differed"
        assert "no difference shown; one of 0." in words["eng_Latn-mya_Mymr"]

    def test_a_language_needs_more_under_a_correction(self, found: Comparison, tmp_path: Path) -> None:
        """Three languages under Benjamini-Hochberg: the only one to differ needs p of .05 / 3."""
        macro, amharic, _, _ = found.contrasts
        assert amharic.stderr is not None
        assert amharic.minimum_detectable_effect is not None
        assert amharic.minimum_detectable_effect / amharic.stderr == pytest.approx(2.39 + 0.84, abs=0.05)
        assert macro.stderr is not None
        assert macro.minimum_detectable_effect is not None
        assert macro.minimum_detectable_effect / macro.stderr == pytest.approx(1.96 + 0.84, abs=0.05)

    def test_languages_with_one_reason_stand_together(self, tmp_path: Path) -> None:
        units = [Unit(model="old", language=f"l{number}", values=np.arange(9.0)) for number in range(15)]
        units.append(Unit(model="new", language="other", values=np.arange(9.0)))
        found = compare([write_run(tmp_path / "run", units)], options=OPTIONS)
        reasons = grouped_reasons(found.not_compared)
        assert len(reasons) == 2
        assert "and 3 more" in reasons[0][0]

    def test_tables_stand_by_pair(self, found: Comparison) -> None:
        (table,) = tables(found)
        assert table.macro is found.contrasts[0]
        assert len(table.languages) == 3


class TestFiles:
    def test_json_has_the_sentences(self, found: Comparison) -> None:
        body = json.loads(comparison_json(found))
        assert body["contrasts"][1]["in_words"].startswith("worse by")
        assert body["contrasts"][1]["minimum_detectable_effect"] > 0
        assert body["contrasts"][3]["left_out"] == 10

    def test_csv_has_what_was_not_compared(self, found: Comparison) -> None:
        header, *rows = comparison_rows(found)
        assert {len(row) for row in rows} == {len(header)}
        table = list(csv.DictReader(io.StringIO(csv_text(COMPARE_COLUMNS, rows))))
        assert float(table[1]["delta"]) == found.contrasts[1].delta, "a negative number is no formula"
        assert table[-1]["verdict"] == "not compared"
        assert table[-1]["reason"].startswith("not comparable: dataset differs")
        assert (table[0]["correction"], table[1]["correction"]) == ("none", "bh")


class TestWrapping:
    @pytest.mark.parametrize("text", [*HOSTILE, "長い" * 80, "သွားပါ" * 40, "a" * 250, ""])
    def test_lines_fit_whatever_the_script(self, text: str) -> None:
        lines = list(wrapped(text, indent="    ", later="      ", width=40))
        assert all(cell_len(line) <= 40 for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())

    def test_cut_counts_columns(self) -> None:
        assert cut("日本語テキスト", 7) == "日本語…"
        assert cut("short", 7) == "short"
