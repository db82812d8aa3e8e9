import statistics
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from harness.breakdown import prompt_breakdown
from harness.prompt_spread import ModelPrompts, PromptSpread, kendall_tau
from harness.report_scope import Scope
from harness.store import RunFolder
from tests.harness.grouped_runs import ITEMS, LANGUAGES, choice_units
from tests.harness.synthetic_runs import Unit, write_run

MODELS = ("strong", "middling", "weak", "ደካማ")
PROMPTS = ("p1", "p2", "ප්‍රශ්නය")


@pytest.fixture(scope="module")
def units() -> list[Unit]:
    return choice_units(models=MODELS, prompts=PROMPTS)


@pytest.fixture(scope="module")
def run(units: list[Unit], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("prompts") / "run", units)


def spread_of(run: RunFolder, **scope: tuple[str, ...]) -> PromptSpread:
    (found,), notes = prompt_breakdown([run], Scope(**scope))
    assert notes == []
    return found


def row_of(found: PromptSpread, model: str) -> ModelPrompts:
    return next(row for row in found.models if row.model.name == model)


def values_of(units: list[Unit], model: str) -> dict[tuple[str, str], np.ndarray]:
    return {(unit.language, unit.prompt): unit.values for unit in units if unit.model == model}


@pytest.mark.parametrize("model", MODELS)
def test_means_best_and_spread_are_what_loops_give(units: list[Unit], run: RunFolder, model: str) -> None:
    row = row_of(spread_of(run), model)
    own = values_of(units, model)
    macro = {}
    for prompt in PROMPTS:
        macro[prompt] = sum(float(own[language, prompt].mean()) for language in LANGUAGES) / 8
    assert [found.value for found in row.prompts] == pytest.approx(list(macro.values()))
    assert row.mean.value == pytest.approx(sum(macro.values()) / 3)
    assert (row.best_prompt, row.best) == (max(macro, key=lambda name: macro[name]), pytest.approx(max(macro.values())))
    assert row.spread == pytest.approx(max(macro.values()) - min(macro.values()))
    assert row.deviation == pytest.approx(statistics.stdev(macro.values()))
    best, spread, deviation = [], [], []
    for language in LANGUAGES:
        scores = [float(own[language, prompt].mean()) for prompt in PROMPTS]
        best.append(max(scores))
        spread.append(max(scores) - min(scores))
        deviation.append(statistics.stdev(scores))
        (found,) = [line for line in row.languages if line.language == language]
        assert found.values == pytest.approx(scores)
        assert found.mean.value == pytest.approx(sum(scores) / 3)
        assert (found.best_prompt, found.best) == (PROMPTS[scores.index(max(scores))], pytest.approx(max(scores)))
        assert (found.spread, found.deviation) == pytest.approx((spread[-1], deviation[-1]))
    assert row.best_by_language == pytest.approx(sum(best) / 8)
    assert row.spread_by_language == pytest.approx(sum(spread) / 8)
    assert row.deviation_by_language == pytest.approx(sum(deviation) / 8)
    assert row.best_by_language >= row.best >= row.mean.value


def test_intervals_resample_items_jointly_over_languages_and_prompts(units: list[Unit], run: RunFolder) -> None:
    row = row_of(spread_of(run), "weak")
    columns = list(values_of(units, "weak").values())
    rng = np.random.default_rng(3)
    means = []
    for _ in range(2000):
        drawn = rng.integers(ITEMS, size=ITEMS)
        means.append(sum(float(column[drawn].mean()) for column in columns) / len(columns))
    assert row.mean.low == pytest.approx(np.quantile(means, 0.025), abs=0.012)
    assert row.mean.high == pytest.approx(np.quantile(means, 0.975), abs=0.012)
    assert row.mean.low < row.mean.value < row.mean.high  # type: ignore[operator]


def test_agreement_is_the_mean_of_kendalls_tau_over_pairs_of_prompts(run: RunFolder) -> None:
    found = spread_of(run)
    taus = {}
    for one, other in combinations(range(3), 2):
        columns = [[row.prompts[at].value for row in found.models] for at in (one, other)]
        taus[PROMPTS[one], PROMPTS[other]] = kendalltau(*columns).statistic
    assert found.agreement is not None
    assert found.agreement.mean == pytest.approx(statistics.fmean(taus.values()))
    assert found.agreement.lowest == pytest.approx(min(taus.values()))
    assert taus[found.agreement.lowest_pair] == pytest.approx(min(taus.values()))
    assert found.agreement.models == 4
    assert spread_of(run, models=("strong", "weak")).agreement is None


@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=8))
def test_kendalls_tau_is_scipys(rows: list[tuple[int, int]]) -> None:
    first, second = zip(*rows, strict=True)
    assert kendall_tau(first, second) == pytest.approx(kendalltau(first, second).statistic, nan_ok=True)


def test_the_order_of_models_and_prompts_in_a_run_does_not_matter(
    units: list[Unit], run: RunFolder, tmp_path: Path
) -> None:
    assert spread_of(write_run(tmp_path / "turned", units[::-1])).models == spread_of(run).models


def test_languages_and_models_without_all_prompts_are_left_out_and_named(units: list[Unit], tmp_path: Path) -> None:
    kept = [
        unit
        for unit in units
        if (unit.model, unit.prompt) != ("weak", "p2")
        and (unit.model, unit.prompt, unit.language) != ("strong", "p1", "nqo_Nkoo")
    ]
    found = spread_of(write_run(tmp_path / "run", kept))
    assert found.left_out == ("nqo_Nkoo",)
    assert len(found.common) == 7
    assert [row.model.name for row in found.models if row.model.name == "weak"] == []
    assert [(model.name, count) for model, count in found.incomplete] == [("weak", 2)]
    own = values_of(units, "middling")
    languages = [language for language in LANGUAGES if language != "nqo_Nkoo"]
    means = [sum(float(own[language, prompt].mean()) for language in languages) / 7 for prompt in PROMPTS]
    assert row_of(found, "middling").mean.value == pytest.approx(sum(means) / 3)


def test_lower_is_better_turns_the_best_prompt(units: list[Unit], tmp_path: Path) -> None:
    wrong = [unit.changed(metric="errors", values=100 * (1 - unit.values), chance=None) for unit in units]
    found = spread_of(write_run(tmp_path / "run", wrong))
    for row in found.models:
        values = [prompt.value for prompt in row.prompts]
        assert row.best == min(values)
        assert row.best_by_language <= row.best
        assert row.spread >= 0
    assert [row.model.name for row in found.models] == [
        row.model.name for row in sorted(found.models, key=lambda row: row.mean.value)
    ]
    assert not found.resampled, "the metric is not in the registry: nothing to resample"


def test_one_prompt_is_no_spread(tmp_path: Path) -> None:
    spreads, notes = prompt_breakdown([write_run(tmp_path / "run", choice_units(prompts=("p1",)))], Scope())
    assert spreads == []
    assert notes == ["choice: one prompt only (p1)"]
