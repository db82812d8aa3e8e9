"""A forecast in lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.forecast import Forecast
from harness.stage_lines import duration


def forecast_lines(found: Forecast, price: float | None) -> Iterator[str]:
    """What one model would do on one task.

    Args:
        price: What an hour of the machine costs, in any currency.
    """
    if found.note:
        yield f"{found.model} on {found.task}: {found.note}"
        return
    left_out = f" ({found.left_out} not offered by the model)" if found.left_out else ""
    yield (
        f"{found.model} on {found.task}: {found.units} units{left_out}, {found.requests:,} requests, "
        f"{found.distinct:,} distinct, {found.known:,} known, {found.missing:,} to compute"
    )
    if found.tokens is None:
        yield f"  {found.characters:,} distinct characters (this backend counts no tokens)"
    else:
        left = f", {found.positions:,} positions to compute" if found.positions is not None else ""
        yield f"  {found.tokens:,} tokens in distinct requests ({found.characters:,} characters){left}"
    if found.most_written:
        yield f"  at most {found.most_written:,} tokens to write"
    if found.seconds is not None:
        cost = f", {_cost(found.seconds, price)}" if price is not None else ""
        yield f"  about {duration(found.seconds)}{cost} ({found.basis})"


def total_line(found: Sequence[Forecast], price: float | None) -> str:
    """Time and cost of all together."""
    seconds = sum(one.seconds or 0.0 for one in found)
    cost = f", {_cost(seconds, price)}" if price is not None else ""
    return f"in all: {sum(one.missing for one in found):,} to compute, about {duration(seconds)}{cost}; nothing was run"


def _cost(seconds: float, price: float) -> str:
    return f"cost {seconds / 3600 * price:,.2f}"
