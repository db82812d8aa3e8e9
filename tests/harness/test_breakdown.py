from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.breakdown import By, Line, Section, breakdown
from harness.errors import UserError
from harness.report_scope import Scope
from harness.store import RunFolder
from tests.harness.grouped_runs import CHANCE, ITEMS, LANGUAGES, choice_units
from tests.harness.synthetic_runs import Unit, write_run

Lines = dict[tuple[str, str], Line]


@pytest.fixture(scope="module")
def units() -> list[Unit]:
    return choice_units()


@pytest.fixture(scope="module")
def run(units: list[Unit], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("grouped") / "run", units)


def only(found: list[Section]) -> Section:
    (section,) = found
    return section


def lines_of(section: Section) -> Lines:
    return {(line.group, line.standing.model.name): line for line in section.lines}


def report(run: RunFolder, by: By = "overview", **scope: tuple[str, ...]) -> Section:
    return only(breakdown([run], by, Scope(**scope)))


def values_of(units: list[Unit], model: str) -> dict[str, np.ndarray]:
    return {unit.language: unit.values for unit in units if unit.model == model}


def resampled_means(columns: list[np.ndarray], seed: int = 1) -> np.ndarray:
    """Macro means of resamples of whole items, one by one."""
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(2000):
        drawn = rng.integers(ITEMS, size=ITEMS)
        means.append(sum(float(column[drawn].mean()) for column in columns) / len(columns))
    return np.array(means)


@pytest.mark.parametrize("model", ["strong", "weak"])
def test_the_headline_is_what_a_loop_over_languages_and_items_gives(
    units: list[Unit], run: RunFolder, model: str
) -> None:
    row = lines_of(report(run))["all", model].standing
    own = values_of(units, model)
    by_language = [sum(values) / len(values) for values in own.values()]
    assert row.mean == pytest.approx(sum(by_language) / 8)
    assert row.worst == pytest.approx(min(by_language))
    assert row.micro == pytest.approx(sum(sum(values) for values in own.values()) / (8 * ITEMS))
    assert row.normalised is not None
    assert row.normalised.value == pytest.approx(sum((one - CHANCE) / (1 - CHANCE) for one in by_language) / 8)
    means = resampled_means(list(own.values()))
    assert row.low == pytest.approx(np.quantile(means, 0.025), abs=0.012)
    assert row.high == pytest.approx(np.quantile(means, 0.975), abs=0.012)
    assert row.normalised.low == pytest.approx(((row.low or 0) - CHANCE) / (1 - CHANCE))
    assert row.normalised.high == pytest.approx(((row.high or 0) - CHANCE) / (1 - CHANCE))
    apart = np.sqrt(sum(values.var(ddof=1) / ITEMS for values in own.values())) / 8
    assert (row.high or 0) - (row.low or 0) > 1.5 * 2 * 1.96 * apart, "parallel items are not independent evidence"


def test_the_gap_to_english_is_paired_item_by_item(units: list[Unit], run: RunFolder) -> None:
    row = lines_of(report(run))["all", "strong"].standing
    own = values_of(units, "strong")
    deltas = [values - own["eng_Latn"] for language, values in own.items() if language != "eng_Latn"]
    assert row.gap is not None
    assert row.gap.languages == 7
    assert row.gap.value == pytest.approx(sum(float(delta.mean()) for delta in deltas) / 7)
    means = resampled_means(deltas)
    assert row.gap.low == pytest.approx(np.quantile(means, 0.025), abs=0.012)
    assert row.gap.high == pytest.approx(np.quantile(means, 0.975), abs=0.012)
    unpaired = np.sqrt(np.mean([v.var(ddof=1) / ITEMS for v in own.values()]) + own["eng_Latn"].var(ddof=1) / ITEMS)
    assert row.gap.high - row.gap.low < 2 * 1.96 * unpaired  # type: ignore[operator]


@pytest.mark.parametrize(
    ("by", "group", "languages"),
    [
        ("script", "script-ethi", ("amh_Ethi", "tir_Ethi")),
        ("family", "family-afro-asiatic", ("amh_Ethi", "tir_Ethi", "arb_Arab")),
        ("resource", "resource-5", ("eng_Latn", "arb_Arab", "jpn_Jpan")),
        ("region", "region-africa", ("amh_Ethi", "tir_Ethi", "arb_Arab", "nqo_Nkoo", "yor_Latn")),
    ],
)
def test_a_group_is_the_macro_mean_over_its_languages(
    units: list[Unit], run: RunFolder, by: By, group: str, languages: tuple[str, ...]
) -> None:
    section = report(run, by)
    own = values_of(units, "weak")
    line = lines_of(section)[group, "weak"]
    means = [float(own[language].mean()) for language in languages]
    assert line.standing.mean == pytest.approx(sum(means) / len(means))
    assert (line.standing.counted, line.standing.scored, line.of) == (len(languages),) * 3
    boot = resampled_means([own[language] for language in languages])
    assert line.standing.low == pytest.approx(np.quantile(boot, 0.025), abs=0.015)
    assert line.standing.high == pytest.approx(np.quantile(boot, 0.975), abs=0.015)
    against = [float((own[language] - own["eng_Latn"]).mean()) for language in languages if language != "eng_Latn"]
    assert line.standing.gap is not None
    assert line.standing.gap.value == pytest.approx(sum(against) / len(against))
    assert sum(found.of for found in section.lines if found.standing.model.name == "weak") == 8


def test_languages_come_worst_first_with_the_intervals_of_their_scores(units: list[Unit], run: RunFolder) -> None:
    section = report(run, "language")
    order = list(dict.fromkeys(line.group for line in section.lines))
    means = {
        language: sum(float(values_of(units, model)[language].mean()) for model in ("strong", "weak"))
        for language in LANGUAGES
    }
    assert order == sorted(LANGUAGES, key=lambda language: (means[language], language))
    assert [line.standing.model.name for line in section.lines] == ["strong", "weak"] * 8
    recorded = {(score.language, score.model): score for score in run.record.scores}
    for line in section.lines:
        score = recorded[line.group, line.standing.model.name]
        assert (line.standing.mean, line.standing.low, line.standing.high) == (score.value, score.ci_low, score.ci_high)
        assert (line.standing.gap is None) == (line.group == "eng_Latn")


@given(order=st.permutations(range(16)))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_languages_and_models_does_not_matter(
    units: list[Unit], run: RunFolder, tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    shuffled = write_run(tmp_path_factory.mktemp("shuffled") / "run", [units[index] for index in order])
    for by in ("overview", "family", "language"):
        first, second = report(run, by), report(shuffled, by)
        assert first.lines == second.lines
        assert first.notes == second.notes


def test_chance_that_differs_between_languages_is_taken_out_language_by_language(
    units: list[Unit], tmp_path: Path
) -> None:
    chances = {language: (0.25 if place % 2 else 0.5) for place, language in enumerate(LANGUAGES)}
    run = write_run(tmp_path / "run", [unit.changed(chance=chances[unit.language]) for unit in units])
    section = report(run)
    assert section.chance == (0.25, 0.5)
    found = lines_of(section)["all", "weak"].standing.normalised
    own = values_of(units, "weak")
    columns = [(own[language] - chances[language]) / (1 - chances[language]) for language in LANGUAGES]
    boot = resampled_means(columns)
    assert found is not None
    assert found.value == pytest.approx(sum(float(column.mean()) for column in columns) / 8)
    assert found.low == pytest.approx(np.quantile(boot, 0.025), abs=0.015)
    assert found.high == pytest.approx(np.quantile(boot, 0.975), abs=0.015)


def test_worse_than_guessing_is_below_zero_and_no_chance_level_gives_no_number(
    units: list[Unit], tmp_path: Path
) -> None:
    never = [unit.changed(values=np.zeros(ITEMS)) for unit in units if unit.model == "weak"]
    row = lines_of(report(write_run(tmp_path / "never", never)))["all", "weak"].standing
    assert row.normalised is not None
    assert row.normalised.value == pytest.approx(-CHANCE / (1 - CHANCE))
    assert row.normalised.low == pytest.approx(-CHANCE / (1 - CHANCE))
    assert (row.low, row.mean) == (0.0, 0.0)
    assert 0 < (row.high or 0) < 0.1, "0 of 120 is not surely 0"
    some = [unit.changed(chance=None if unit.language == "nqo_Nkoo" else CHANCE) for unit in units]
    section = report(write_run(tmp_path / "some", some))
    assert all(line.standing.normalised is None for line in section.lines)
    by_script = lines_of(report(RunFolder(tmp_path / "some"), "script"))
    assert by_script["script-nkoo", "weak"].standing.normalised is None
    assert by_script["script-ethi", "weak"].standing.normalised is not None


def test_items_that_are_not_parallel_are_independent_and_have_no_gap(units: list[Unit], tmp_path: Path) -> None:
    apart = [
        unit.changed(segments=tuple(f"{unit.language}:{index}" for index in range(ITEMS)))
        for unit in units
        if unit.model == "weak"
    ]
    section = report(write_run(tmp_path / "run", apart))
    row = section.lines[0].standing
    stderr = np.sqrt(sum(unit.values.var(ddof=1) / ITEMS for unit in apart)) / 8
    assert (row.high or 0) - (row.low or 0) == pytest.approx(2 * 1.96 * stderr, rel=0.02)
    assert row.gap is None
    assert "no gap to English: no other language shares items with it that are scored the same way" in section.notes


def test_a_language_with_some_items_of_english_is_compared_on_these(units: list[Unit], tmp_path: Path) -> None:
    kept = range(30, ITEMS)
    cut = [
        unit.changed(values=unit.values[30:], segments=tuple(f"s{index}" for index in kept))
        if unit.language == "yor_Latn"
        else unit
        for unit in units
        if unit.model == "weak"
    ]
    section = report(write_run(tmp_path / "run", cut), "language")
    own = {unit.language: unit.values for unit in units if unit.model == "weak"}
    gap = lines_of(section)["yor_Latn", "weak"].standing.gap
    assert gap is not None
    assert gap.value == pytest.approx(float((own["yor_Latn"] - own["eng_Latn"])[30:].mean()))


def test_without_english_there_is_no_gap_and_that_is_said(units: list[Unit], tmp_path: Path) -> None:
    section = report(write_run(tmp_path / "run", [unit for unit in units if unit.language != "eng_Latn"]))
    assert all(line.standing.gap is None for line in section.lines)
    assert "no gap to English: it has no score here" in section.notes
    half = [unit for unit in units if (unit.language, unit.model) != ("eng_Latn", "weak")]
    section = report(write_run(tmp_path / "half", half))
    found = {line.standing.model.name: line.standing.gap is not None for line in section.lines}
    assert found == {"strong": True, "weak": False}
    assert "no gap to English for weak: no score in English" in section.notes


def test_models_with_different_languages_are_compared_on_the_common_ones(units: list[Unit], tmp_path: Path) -> None:
    kept = [unit for unit in units if not (unit.model == "weak" and unit.language in ("nqo_Nkoo", "mya_Mymr"))]
    section = report(write_run(tmp_path / "run", kept))
    rows = {line.standing.model.name: line.standing for line in section.lines}
    assert [(rows[name].counted, rows[name].scored) for name in ("strong", "weak")] == [(6, 8), (6, 6)]
    own = values_of(units, "strong")
    common = [float(own[language].mean()) for language in LANGUAGES if language not in ("nqo_Nkoo", "mya_Mymr")]
    assert rows["strong"].mean == pytest.approx(sum(common) / 6)
    assert any("the 6 languages that all ranked models have; without Burmese, N'Ko" in note for note in section.notes)
    alone = report(RunFolder(tmp_path / "run"), models=("strong",))
    assert alone.lines[0].standing.counted == 8


def test_a_missing_score_is_not_zero_and_is_named(units: list[Unit], tmp_path: Path) -> None:
    empty = [
        unit.changed(values=np.empty(0), failed=ITEMS) if unit.language == "nqo_Nkoo" else unit
        for unit in units
        if unit.model == "weak"
    ]
    section = report(write_run(tmp_path / "run", empty))
    (line,) = section.lines
    assert (line.standing.scored, line.of, line.standing.n_failed) == (7, 8, ITEMS)
    means = [float(unit.values.mean()) for unit in empty if len(unit.values)]
    assert line.standing.mean == pytest.approx(sum(means) / 7)
    assert "no score in N'Ko: left out, not zero" in section.notes
    by_script = lines_of(report(RunFolder(tmp_path / "run"), "script"))["script-nkoo", "weak"]
    assert (by_script.standing.mean, by_script.standing.scored, by_script.of) == (None, 0, 1)


def test_undetermined_and_unknown_languages_count_in_the_mean_and_in_no_group(
    units: list[Unit], tmp_path: Path
) -> None:
    renamed = {"nqo_Nkoo": "und", "jpn_Jpan": "zzz_Zzzz"}
    changed = [unit.changed(language=renamed.get(unit.language, unit.language)) for unit in units]
    run = write_run(tmp_path / "run", changed)
    assert report(run).lines[0].standing.counted == 8
    section = report(run, "region")
    assert sum(line.of for line in section.lines if line.standing.model.name == "weak") == 6
    assert "Undetermined, zzz_Zzzz: no region is known, in no group" in section.notes
    names = {line.group: line.name for line in report(run, "language").lines}
    assert (names["und"], names["zzz_Zzzz"]) == ("Undetermined", "zzz_Zzzz")


def test_directions_into_and_out_of_english_stay_apart_and_have_no_gap(units: list[Unit], tmp_path: Path) -> None:
    directions = [
        unit.changed(language=code, chance=None)
        for unit in units
        if unit.model == "weak" and unit.language != "eng_Latn"
        for code in (f"eng_Latn-{unit.language}", f"{unit.language}-eng_Latn")
    ]
    run = write_run(tmp_path / "run", [*directions, directions[0].changed(language="amh_Ethi-jpn_Jpan")])
    section = report(run)
    found = {line.name: (line.of, line.standing.mean) for line in section.lines}
    assert {name: of for name, (of, _) in found.items()} == {
        "all": 15, "into English": 7, "out of English": 7, "without English": 1,
    }  # fmt: skip
    means = [float(unit.values.mean()) for unit in directions if unit.language.startswith("eng_Latn-")]
    assert found["out of English"][1] == pytest.approx(sum(means) / 7)
    assert all(line.standing.gap is None for line in section.lines)
    assert any(note.startswith("no gap to English: in a direction both sides change") for note in section.notes)
    groups = {line.name: line.of for line in report(run, "script").lines}
    assert groups["Ethiopic (Ethi), into English"] == groups["Ethiopic (Ethi), out of English"] == 2
    assert groups["Ethiopic (Ethi), without English"] == groups["Japanese (Jpan), without English"] == 1


def test_variants_are_shown_over_the_languages_they_share(units: list[Unit], tmp_path: Path) -> None:
    translated = [unit.changed(variant="translate_test") for unit in units if unit.language != "eng_Latn"]
    run = write_run(tmp_path / "run", [*(unit.changed(variant="direct") for unit in units), *translated])
    section = report(run, "variant")
    rows = {(line.variant, line.standing.model.name): line.standing for line in section.lines}
    assert {row.counted for row in rows.values()} == {7}
    assert rows["direct", "weak"].mean == rows["translate_test", "weak"].mean
    assert "means are over the 7 languages that all models have in all variants; without English" in section.notes
    assert "translate_test: no gap to English: it has no score here" in section.notes
    assert rows["direct", "weak"].gap is not None
    other = [unit.changed(variant="other", language="fra_Latn") for unit in units if unit.language == "eng_Latn"]
    apart = report(
        write_run(tmp_path / "apart", [*(unit.changed(variant="direct") for unit in units), *other]), "variant"
    )
    assert [line.standing.counted for line in apart.lines] == [8, 8, 1, 1]
    assert any("share no language" in note for note in apart.notes)


def test_without_statistics_intervals_are_wide_and_gaps_have_none(run: RunFolder, tmp_path: Path) -> None:
    for name in ("run.json", "run.json.sha256"):
        (tmp_path / name).write_bytes((run.path / name).read_bytes())
    bare, whole = report(RunFolder(tmp_path)), report(run)
    assert any("no statistics of segments" in note for note in bare.notes)
    for row, known in zip(bare.lines, whole.lines, strict=True):
        assert row.standing.mean == known.standing.mean
        assert row.standing.gap is not None
        assert known.standing.gap is not None
        assert row.standing.gap.value == pytest.approx(known.standing.gap.value)
        assert row.standing.gap.low is None


def test_two_runs_are_reported_together_and_scope_narrows_them(units: list[Unit], tmp_path: Path) -> None:
    strong = write_run(tmp_path / "one", [unit for unit in units if unit.model == "strong"])
    other = write_run(tmp_path / "two", [unit.changed(task="other") for unit in units if unit.model == "weak"])
    found = breakdown([strong, other], "overview", Scope())
    assert [(section.task, section.lines[0].standing.model.name) for section in found] == [
        ("choice", "strong"),
        ("other", "weak"),
    ]
    assert [section.task for section in breakdown([strong, other], "overview", Scope(tasks=("other",)))] == ["other"]
    with pytest.raises(UserError, match=r"no task 'choise' in the runs \(did you mean 'choice'\?\)"):
        breakdown([strong, other], "overview", Scope(tasks=("choise",)))
    with pytest.raises(UserError, match="of all that was asked for together"):
        breakdown([strong, other], "overview", Scope(tasks=("choice",), models=("weak",)))
    with pytest.raises(UserError, match="no metric 'chrf'"):
        breakdown([strong], "overview", Scope(metrics=("chrf",)))
