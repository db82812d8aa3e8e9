"""What a run says of itself, in lines of text: one block a model and task, and one line for the whole."""

from __future__ import annotations

from collections.abc import Iterator

from harness.records import RunRecord, StageRecord


def run_lines(record: RunRecord) -> Iterator[str]:
    """A block of every stage; then how long the whole took, where the record says it."""
    for stage in record.stages:
        yield from stage_lines(stage)
    if record.seconds:
        own = {name: seconds for name, seconds in record.seconds.items() if name != "total"}
        parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in own.items())
        yield f"whole run: {duration(record.seconds.get('total', 0.0))} (of it {parts})"


def stage_lines(stage: StageRecord) -> Iterator[str]:
    """One to four lines; what the record does not say is left out."""
    failed = f"{stage.failed:,} failed, " if stage.failed else ""
    yield (
        f"{stage.model} on {stage.task}: {stage.requests:,} requests, {stage.computed:,} computed, "
        f"{stage.known:,} known, {failed}{duration(stage.seconds)}"
    )
    if stage.tokens is not None and stage.positions is not None:
        facts = [f"{stage.tokens:,} tokens"]
        if stage.generated:
            facts.append(f"{stage.generated:,} of them written")
        if stage.tokens_per_second is not None:
            facts.append(f"{stage.tokens_per_second:,.0f} a second")
        facts += [f"{stage.positions:,} positions computed", f"{_share(stage.padding_share)} of them padding"]
        if stage.saved_share:
            facts.append(f"{_share(stage.saved_share)} of the tokens saved by sharing")
        yield "  " + ", ".join(facts)
    if stage.seconds_by_part and stage.seconds:
        parts = [f"{name} {_share(spent / stage.seconds)}" for name, spent in stage.seconds_by_part.items()]
        yield "  time: " + ", ".join(parts)
    facts = []
    if stage.peak_memory is not None:
        facts.append(f"memory at most {_bytes(stage.peak_memory)}")
    if stage.peak_device_memory is not None:
        facts.append(f"GPU memory at most {_bytes(stage.peak_device_memory)}")
    if stage.utilisation is not None and stage.device_flops is not None:
        facts.append(
            f"the model used {_share(stage.utilisation)} of the device's {stage.device_flops / 1e9:,.0f} GFLOP/s "
            "while it ran"
        )
    if facts:
        yield "  " + ", ".join(facts)


def _share(share: float | None) -> str:
    if share is None:
        return "?"
    return f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"


def duration(seconds: float) -> str:
    """Seconds, from two minutes on minutes, from two hours on hours."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
