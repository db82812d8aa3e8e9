"""The versioned on-disk schema of a run.

A run folder holds ``run.json`` (a :class:`RunRecord`), ``run.json.sha256``, and two Parquet files with one row a
segment, whose columns are ``SEGMENT_COLUMNS`` and ``STATISTICS_COLUMNS``. Reading and writing is ``harness.store``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1

UNIT_COLUMNS = ("model", "task", "variant", "prompt", "language")
"""What names one scored unit: the columns both tables share and a :class:`ScoreRecord` repeats."""

SEGMENT_COLUMNS = (*UNIT_COLUMNS, "segment", "cluster", "source", "references", "hypothesis", "failed", "reasoning")
"""``segments.parquet``: texts. ``references`` is a list of strings; ``failed`` is null or the reason; ``reasoning`` is
null, or what the model wrote before the hypothesis and its declared rule took off."""

LATER_COLUMNS = ("reasoning",)
"""Columns that runs of earlier versions do not have."""

STATISTICS_COLUMNS = (*UNIT_COLUMNS, "metric", "segment", "cluster", "stats", "score")
"""``statistics.parquet``: ``stats`` is the list of float64 sufficient statistics, ``score`` the segment's own score."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelRecord(_Frozen):
    """One system under test.

    Attributes:
        name: How people call it; unique within a run.
        backend: The backend that ran it.
        identity: Everything that changes its answers: weights' hash or hub commit, tokenizer, dtype, options, versions.
        label: A short remark to show wherever the name stands, e.g. ``toy``.
    """

    name: str
    backend: str
    identity: dict[str, str]
    label: str = ""


class TaskRecord(_Frozen):
    """One task of the run, as it was when it ran."""

    name: str
    kind: str
    description: str = ""
    source: str = ""
    license: str = ""
    pivot: str = ""
    languages: tuple[str, ...] = ()
    file_sha256: str = ""


class Fingerprint(_Frozen):
    """What must be equal for two scores to be comparable: short hashes of the data and prompt, the metric's signature,
    and the decoding settings."""

    dataset: str = ""
    prompt: str = ""
    metric: str = ""
    decoding: str = ""


class ScoreRecord(_Frozen):
    """One score with its uncertainty.

    Attributes:
        language: A canonical code such as ``yor_Latn``; for translation ``source-target``.
        value: The score; ``None`` when nothing could be scored (then ``note`` says why).
        stderr, ci_low, ci_high: Standard error and 95 % interval in the unit of the score, by ``ci_method``.
        n: Segments scored. n_failed: Segments that have no score; they are not part of ``value``.
        title, description, unit, higher_is_better, bounds, decimals: The metric's facts, repeated so that a record
            can be read without the code that made it.
        metric_options: What, with ``metric``, makes the metric object again: ``registry.create(metric, options)``.
        chance: Score of guessing, where the task defines one.
        segments: Whether the run holds the statistics that the score rests on; scores of other programs come without.
        details: Named series behind the score, e.g. ``layers`` (one value a layer).
    """

    model: str
    task: str
    variant: str = ""
    prompt: str = ""
    language: str
    metric: str
    title: str
    description: str = ""
    value: float | None
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    ci_method: str = ""
    n: int
    n_failed: int = 0
    unit: Literal["points", "fraction", "correlation", "bits", "perplexity", "tokens", "ratio"]
    bounds: tuple[float | None, float | None]
    higher_is_better: bool
    decimals: int = 1
    chance: float | None = None
    signature: str
    metric_options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    fingerprint: Fingerprint = Fingerprint()
    segments: bool = True
    details: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    note: str = ""

    @property
    def unit_key(self) -> tuple[str, str, str, str, str]:
        """``(model, task, variant, prompt, language)``: the unit whose segments stand in the Parquet files."""
        return (self.model, self.task, self.variant, self.prompt, self.language)

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """``(task, variant, prompt, language, metric)``: what is compared between two systems."""
        return (self.task, self.variant, self.prompt, self.language, self.metric)


class StageRecord(_Frozen):
    """How long one model spent on one task, and what it did.

    What an engine does not say, and what records of earlier versions lack, is ``None``. Tokens and operations are those
    of the answers that were computed now, not of those that were known. What tasks have in common is divided among them
    by their requests; what went on in the background while the model computed is no one's time.

    Attributes:
        requests: How many answers the task needed, texts that stand twice counted twice. computed: How many the model
            was asked for.
        known: How many distinct ones of a unit were there already, or asked by an earlier unit, summed over units.
        seconds_by_part: ``reading`` data and making requests of it; ``preparing`` (looking for known answers, making
            tokens, planning batches); ``model``; ``scoring``; ``writing`` answers, statistics and texts. What is
            missing to ``seconds`` is none of them.
        tokens: Tokens that the model was asked about, read or written, those that requests share counted for each.
        positions: Positions that it computed, padding included. generated: Tokens that it wrote, with those of beams
            and of rows that waited for the rest of their batch.
        tokens_per_second: ``tokens`` a second of preparing and model.
        padding_share: Share of ``positions`` that were padding, 0-1. saved_share: Share of ``tokens`` that needed no
            position of their own, because requests share them, 0-1.
        flops: Floating-point operations that the positions without padding needed at least
            (``harness.engine.work`` has the formula). device_flops: Operations a second of the fastest matrix product
            seen on the device after the stage, in the model's dtype. utilisation: Share of it that the model made use
            of while it ran, 0-1.
        peak_memory: Most bytes that the process has held since it began. peak_device_memory: Most bytes of the GPU
            that torch held during the stage.
    """

    model: str
    task: str
    requests: int
    computed: int
    known: int = 0
    seconds: float
    seconds_by_part: dict[str, float] = Field(default_factory=dict)
    tokens: int | None = None
    positions: int | None = None
    generated: int | None = None
    tokens_per_second: float | None = None
    padding_share: float | None = None
    saved_share: float | None = None
    flops: float | None = None
    device_flops: float | None = None
    utilisation: float | None = None
    peak_memory: int | None = None
    peak_device_memory: int | None = None


class RunRecord(_Frozen):
    """Everything needed to read, check and repeat a run.

    Attributes:
        seconds: Of the command that wrote the record: ``checking`` (reading all data once), ``loading`` models, and
            ``total``.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    created: str
    complete: bool
    command: str
    glotbench: str
    seed: int
    versions: dict[str, str]
    hardware: dict[str, str]
    git_commit: str = ""
    models: tuple[ModelRecord, ...]
    tasks: tuple[TaskRecord, ...]
    scores: tuple[ScoreRecord, ...]
    stages: tuple[StageRecord, ...] = ()
    seconds: dict[str, float] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)
