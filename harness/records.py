"""The versioned on-disk schema of a run.

A run folder holds ``run.json`` (a :class:`RunRecord`), ``run.json.sha256``, and two Parquet files with one row a
segment, whose columns are ``SEGMENT_COLUMNS`` and ``STATISTICS_COLUMNS``. Reading and writing is ``harness.store``.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

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


DRAW_MARK = "|sampling_seed:"
"""What stands in ``Fingerprint.decoding`` before the number of the draw; draw 0 is not named."""
MOST_DECIMALS = 20

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,199}", re.ASCII)


def _file_beside(name: str) -> str:
    """A name of a file in the run's own folder: a path would lead out of it where files are copied or hashed."""
    if not _PLAIN_NAME.fullmatch(name):
        raise ValueError("is no name of a file in the run's folder")
    return name


def _whole_characters(text: object) -> object:
    """Text that UTF-8 can hold: a file name on the command line may be of bytes that are none."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if isinstance(text, str) else text


_Remark = Annotated[str, BeforeValidator(_whole_characters)]


_STRICT = ConfigDict(extra="forbid")


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


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Fingerprint:
    """What must be equal for two scores to be comparable: short hashes of the data and prompt, the metric's signature,
    and the decoding settings.

    ``decoding`` begins with ``sampled`` where text is drawn at random; then it may end with which draw it is, which is
    no part of what must be equal.
    """

    dataset: str = ""
    prompt: str = ""
    metric: str = ""
    decoding: str = ""

    @property
    def sampled(self) -> bool:
        """Whether the same question may be answered otherwise by another draw."""
        return self.decoding.startswith("sampled")

    @property
    def decoding_settings(self) -> str:
        """``decoding`` without which draw it is."""
        return self.decoding.partition(DRAW_MARK)[0] if self.sampled else self.decoding


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class ScoreRecord:
    """One score with its uncertainty. Records hold hundreds of thousands of them, so that each is as small as can be.

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
    n: Annotated[int, Field(ge=0, lt=2**53)]
    n_failed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    unit: Literal["points", "fraction", "correlation", "bits", "perplexity", "tokens", "ratio"]
    bounds: tuple[float | None, float | None]
    higher_is_better: bool
    decimals: Annotated[int, Field(ge=0, le=MOST_DECIMALS)] = 1
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
        failed: How many of those that were computed have no answer.
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
    failed: int = 0
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


class RunArguments(_Frozen):
    """What ``glotbench run`` was given, so that ``--from`` can give it again; paths as they were written.

    Attributes:
        tasks: Names or files. task_folders: Of ``--tasks``. models: Each as ``BACKEND:NAME[,key=value...]``.
        languages, directions, variants, prompts, limit, num_fewshot, sampling_seed: As in
            ``harness.tasks.base.Selection``.
        data_root: Empty where none was given.
    """

    tasks: tuple[str, ...]
    task_folders: tuple[str, ...] = ()
    models: tuple[str, ...]
    languages: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    limit: int | None = None
    num_fewshot: int | None = None
    sampling_seed: int = 0
    data_root: str = ""


class ImportedFile(_Frozen):
    """A file of another program: its path as it was named, and the SHA-256 of its content."""

    name: str
    sha256: str


class Imported(_Frozen):
    """Where scores come from that were not made here.

    Attributes:
        program: What computed them: ``lm-eval``, ``mteb``, ``sacrebleu``, or ``table`` where a file does not say.
        version: Its version, as the files say; empty where they do not.
        files: What was read.
    """

    program: str
    version: str = ""
    files: tuple[ImportedFile, ...]

    @property
    def words(self) -> str:
        """Where from, in words: ``imported from lm-eval 0.4.13``."""
        return " ".join(filter(None, ["imported from", self.program, self.version]))


class RunRecord(_Frozen):
    """Everything needed to read, check and repeat a run.

    Attributes:
        command: The command line, for people. arguments: The same taken apart; ``None`` for what ``glotbench run`` did
            not make, such as imported runs.
        imported: Whose scores these are, where another program made them.
        seconds: Of the command that wrote the record: ``checking`` (reading all data once), ``loading`` models, and
            ``total``.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    created: str
    complete: bool
    command: _Remark
    arguments: RunArguments | None = None
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
    notes: tuple[_Remark, ...] = ()
    files: dict[Annotated[str, AfterValidator(_file_beside)], str] = Field(default_factory=dict)
    imported: Imported | None = None
