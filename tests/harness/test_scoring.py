"""Log-probabilities with shared prefixes and contexts are those of plain passes, on architectures of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.packed_scoring import PackedScorer
from harness.engine.packing import plan_packed
from harness.engine.plain_scoring import PlainScorer
from harness.engine.prefixes import Row, context_of, plan_shared, shared_prefix
from harness.engine.scoring import Scorer, window_of
from harness.engine.shared_scoring import SharedScorer
from harness.errors import BackendError
from harness.types import Failed, LogLikelihoodResponse
from tests.harness.architectures import ARCHITECTURES, VOCABULARY, small_model


@pytest.fixture(scope="module")
def model() -> Callable[[str], Any]:
    """Small random models by architecture."""
    return small_model


def scorer(model: Any, *, budget: int = 96, share: bool = True, size: int = 8) -> Scorer:
    return Scorer(model, "cpu", name="m", size=size, budget=budget, max_length=256, share=share)


def questions() -> list[Row]:
    """Two few-shot blocks, questions of many lengths, several answers or one, answers that repeat, a bare text."""
    ids = [3 + (step * step * 7 + step) % (VOCABULARY - 3) for step in range(400)]
    rows: list[Row] = []
    for block, start in ((ids[:44], 50), (ids[200:230], 260)):
        for number in range(5):
            context = block + ids[start + 9 * number : start + 9 * number + 4 + 3 * number]
            for answer in (ids[5:6], ids[7:9], ids[11:17], ids[7:9])[: 4 if number else 1]:
                rows.append(((context + answer)[:-1], answer))
    rows.append((ids[300:330], ids[301:331]))
    return rows


def close(found: list[tuple[float, bool]], expected: list[tuple[float, bool]]) -> bool:
    same = [flag == other for (_, flag), (_, other) in zip(found, expected, strict=True)]
    worst = max(abs(one - other) for (one, _), (other, _) in zip(found, expected, strict=True))
    return all(same) and worst < 1e-4


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_sharing_is_chosen_by_what_an_architecture_can_do_and_changes_no_number(
    name: str, model: Callable[[str], Any]
) -> None:
    import torch

    made = model(name)
    rows = questions()
    with torch.inference_mode():
        one_by_one = [PlainScorer(made, "cpu", size=1, budget=1).score([row])[0] for row in rows]
        chosen = scorer(made)
        assert chosen.sharing == ARCHITECTURES[name][1]
        answers: dict[int, tuple[float, bool]] = {}
        windows = [[(list(inputs), list(scored))] for inputs, scored in rows]
        for batch in chosen.plan(windows):
            for position, response in zip(batch, chosen.answer([windows[index] for index in batch]), strict=True):
                assert isinstance(response, LogLikelihoodResponse)
                answers[position] = (response.logprob, response.is_greedy)
    assert close([answers[index] for index in range(len(rows))], one_by_one)


def test_what_pads_and_slides_would_be_wrong_without_the_probe(model: Callable[[str], Any]) -> None:
    """The trap itself: masked sharing of a sliding window gives other numbers, and nothing says so."""
    import torch

    made, rows = model("Gemma3"), questions()[:-1]
    with torch.inference_mode():
        expected = PlainScorer(made, "cpu", size=1, budget=1).score(rows)
        assert not close(SharedScorer(made, "cpu", budget=96).score(rows), expected)
        assert close(SharedScorer(made, "cpu", budget=96, aligned=True).score(rows), expected)


@pytest.mark.parametrize("name", [name for name, (_, sharing) in ARCHITECTURES.items() if sharing != "none"])
def test_the_way_that_a_faster_one_replaced_gives_the_same_numbers(name: str, model: Callable[[str], Any]) -> None:
    import torch

    made, rows = model(name), questions()[:-1]
    with torch.inference_mode():
        expected = PlainScorer(made, "cpu", size=8, budget=96).score(rows)
        aligned = ARCHITECTURES[name][1] in ("aligned", "windowed")
        assert close(SharedScorer(made, "cpu", budget=96, aligned=aligned).score(rows), expected)


@pytest.mark.parametrize("width", [1, 40, 1000])
@pytest.mark.parametrize(
    "name", [name for name, (_, sharing) in ARCHITECTURES.items() if sharing in ("packed", "windowed")]
)
def test_packed_lines_of_any_width_give_the_same_numbers(name: str, width: int, model: Callable[[str], Any]) -> None:
    import torch

    made, rows = model(name), questions()[:-1]
    packed = PackedScorer(made, "cpu", budget=96, window=window_of(made.config.get_text_config()))
    packed.width = width
    with torch.inference_mode():
        expected = PlainScorer(made, "cpu", size=8, budget=96).score(rows)
        assert close(packed.score(rows), expected)
        assert close(packed.score(rows[::-1])[::-1], expected)


@pytest.mark.parametrize("name", ["Llama", "Gemma3"])
def test_budget_and_order_change_nothing(name: str, model: Callable[[str], Any]) -> None:
    import torch

    rows = questions()[:-1]
    with torch.inference_mode():
        expected = SharedScorer(model(name), "cpu", budget=1000, aligned=name == "Gemma3").score(rows)
        backwards = SharedScorer(model(name), "cpu", budget=7, aligned=name == "Gemma3").score(rows[::-1])
    assert close(backwards[::-1], expected)


def test_a_prefix_is_read_once_for_all_batches_of_its_group(
    model: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    made = model("Llama")
    windows = [[(list(inputs), list(scored))] for inputs, scored in questions()]
    with torch.inference_mode():
        chosen = scorer(made, budget=32, size=2)
        batches = chosen.plan(windows)
        widths: list[tuple[int, int]] = []
        forward = made.forward

        def counted(**inputs: Any) -> Any:
            widths.append(tuple(inputs["input_ids"].shape))
            return forward(**inputs)

        monkeypatch.setattr(made, "forward", counted)
        for batch in batches:
            chosen.answer([windows[index] for index in batch])
    assert sum(width == (1, 44) for width in widths) == 1
    assert sum(width == (1, 30) for width in widths) == 2  # the second block, and the bare text
    read = sum(lines * width for lines, width in widths)
    assert read < 0.5 * sum(len(own[0][0]) for own in windows)


def test_memory_that_runs_out_halves_the_batch(
    model: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    made = model("Llama")
    windows: list[Any] = [[(list(inputs), list(scored))] for inputs, scored in questions()]
    with torch.inference_mode():
        chosen = scorer(made)
        expected = chosen.answer(windows)
        score = PackedScorer.score

        def small(self: PackedScorer, rows: list[Row], known: Any = ()) -> Any:
            if len(rows) > 5:
                raise torch.OutOfMemoryError
            return score(self, rows, known)

        monkeypatch.setattr(PackedScorer, "score", small)
        found = chosen.answer([*windows, Failed(reason="ረጅም")])
        assert found[-1] == Failed(reason="ረጅም")
        for one, other in zip(found[:-1], expected, strict=True):
            assert isinstance(one, LogLikelihoodResponse)
            assert isinstance(other, LogLikelihoodResponse)
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
        assert "out of memory with" in caplog.text

        def never(self: PackedScorer, rows: list[Row], known: Any = ()) -> Any:
            raise torch.OutOfMemoryError

        monkeypatch.setattr(PackedScorer, "score", never)
        with pytest.raises(BackendError, match="does not fit into the device's memory; give max_length=N"):
            chosen.answer(windows[:3])


TOKENS = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@given(
    st.lists(st.tuples(st.sampled_from([[], [1] * 20, [1, 2] * 15]), TOKENS, TOKENS), min_size=1, max_size=25),
    st.integers(1, 5),
    st.integers(1, 200),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_plans_hold_every_row_once_and_keep_contexts_together(
    parts: list[tuple[list[int], list[int], list[int]]], size: int, budget: int, pack: bool
) -> None:
    rows: list[Row] = [((shots + question + answer)[:-1], answer) for shots, question, answer in parts]
    if pack:
        batches = plan_packed(rows, lines=size, budget=budget, held=16 * budget, width=30)
    else:
        batches = plan_shared(rows, size=size, budget=budget, held=16 * budget)
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(rows)))
    where: dict[tuple[int, ...], int] = {}
    for number, batch in enumerate(batches):
        read = sum(context.length - len(batch.prefix) + context.branches for context in batch.contexts)
        assert len(batch.contexts) == 1 or (read <= budget if pack else len(batch.contexts) <= size)
        for context in batch.contexts:
            assert where.setdefault(context.tokens, number) == number
            assert context.tokens[: len(batch.prefix)] == batch.prefix
            assert len(context.tokens) > len(batch.prefix)
            assert {context_of(rows[row]) for row in context.rows} == {context.tokens}
    known = [batch.prefix for batch in batches if batch.prefix]
    for batch in batches:
        found = shared_prefix(batch.contexts, known)
        assert all(context.tokens[: len(found)] == found for context in batch.contexts)
        assert len(found) >= len(batch.prefix)
