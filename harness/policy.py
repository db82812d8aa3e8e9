"""A gate policy as people write it, as pydantic models. ``docs/gate.md`` tells every key with examples.

Only shapes and rules that need nothing but the value itself. Reading the file is ``harness.loader``; whether numbers
fit the metrics they meet is ``harness.policy_checks``.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, field_validator, model_validator

from harness.languages import REGIONS, known
from metrics.spelling import did_you_mean

Facet = Literal["dataset", "prompt", "metric_signature", "decoding"]
Measure = Literal["tokens_per_second", "seconds_per_request", "cost_per_request", "peak_memory", "peak_device_memory"]
Grouping = Literal["script", "family", "resource_class", "region"]
ResourceClass = Literal["low", "middle", "high", 0, 1, 2, 3, 4, 5]

RESOURCE_BANDS: dict[ResourceClass, tuple[int, ...]] = {"low": (0, 1, 2), "middle": (3,), "high": (4, 5)}
"""Words for classes of Joshi et al. 2020: Left-Behinds to Hopefuls; Rising Stars; Underdogs and Winners."""

_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of a score: points of its own unit, or a share of its scale.

    Attributes:
        number: At least 0. percent: Whether it is a share, 0-100, and no number of the metric's own unit.
    """

    number: float
    percent: bool = False

    def of(self, bounds: tuple[float | None, float | None], baseline: float) -> float:
        """In the metric's own unit: a share of the scale; of the baseline's score where the scale has no end."""
        if not self.percent:
            return self.number
        low, high = bounds
        whole = abs(baseline) if low is None or high is None else high - low
        return self.number / 100 * whole

    def __str__(self) -> str:
        return f"{self.number:g}{' %' if self.percent else ''}"


def _amount(value: object) -> Amount:
    if isinstance(value, Amount):
        return value
    share = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if share is not None:
        return Amount(float(share[1]), percent=True)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ValueError(f"expected a number in the unit of the metric, or a share of its scale such as 1%: {value!r}")
    if value < 0:
        raise ValueError(f"should be greater than or equal to 0, found {value:g}")
    return Amount(float(value))


AmountField = Annotated[Amount, PlainValidator(_amount)]


class _Policy(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Selector(_Policy):
    """Which scores a gate rule is about; an empty field means every value, a list any of its values.

    Attributes:
        language: A code; of a direction the whole or either side.
        script, family, resource_class, region: Of the language; of a direction, of its sides other than the pivot.
    """

    task: str | None = None
    variant: str | None = None
    prompt: str | None = None
    metric: str | None = None
    language: tuple[str, ...] = ()
    script: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    resource_class: tuple[ResourceClass, ...] = ()
    region: tuple[str, ...] = ()
    model: str | None = None

    @field_validator("language", "script", "family", "resource_class", "region", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list | tuple) else (value,)

    @field_validator("script")
    @classmethod
    def _scripts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _named("script", value, {language.script for language in known()})

    @field_validator("family")
    @classmethod
    def _families(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _named("family", value, {language.family for language in known()})

    @field_validator("region")
    @classmethod
    def _regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _named("region", value, REGIONS)

    @property
    def resource_classes(self) -> frozenset[int]:
        """Classes 0 to 5 that are meant; none where every class is."""
        if not self.resource_class:
            return frozenset()
        found = [RESOURCE_BANDS[one] if isinstance(one, str) else (one,) for one in self.resource_class]
        return frozenset(number for numbers in found for number in numbers)

    @property
    def words(self) -> str:
        """What is selected, for the name of a rule."""
        said = self.model_dump(exclude_defaults=True).values()
        return " ".join(", ".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in said)


def _named(what: str, wanted: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """The names as the table of languages writes them.

    Raises:
        ValueError: There is no such script, family or region.
    """
    by_fold = {name.casefold(): name for name in names if name}
    found = []
    for one in wanted:
        if one.casefold() not in by_fold:
            raise ValueError(f"unknown {what} '{one}'{did_you_mean(one, by_fold.values())}; known: {_listed(by_fold)}")
        found.append(by_fold[one.casefold()])
    return tuple(found)


def _listed(names: dict[str, str]) -> str:
    ordered = sorted(names.values())
    return ", ".join(ordered[:12]) + (f" and {len(ordered) - 12} more" if len(ordered) > 12 else "")


class PerformanceSpec(_Policy):
    """How slow, large or dear a run may be.

    Attributes:
        measure: ``tokens_per_second`` of preparing and model; ``seconds_per_request`` that was computed, of the same;
            ``cost_per_request``, that time at ``price_per_hour``; ``peak_memory`` and ``peak_device_memory`` in bytes.
        max_slowdown: Largest acceptable worsening against the baseline, as a share: with 0.2 a request may take a fifth
            longer, cost a fifth more or hold a fifth more bytes; tokens a second may fall to 1/1.2.
        limit: Largest acceptable value (of tokens a second the smallest), whatever the baseline is.
        price_per_hour: Of the machine, in any currency.
        min_computed: A stage that computed fewer requests says too little about speed.
    """

    measure: Measure
    max_slowdown: Annotated[float, Field(ge=0)] | None = None
    limit: Annotated[float, Field(gt=0)] | None = None
    price_per_hour: Annotated[float, Field(gt=0)] | None = None
    min_computed: Annotated[int, Field(ge=1)] = 20

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.max_slowdown is None and self.limit is None:
            raise ValueError("nothing to hold the measure against; give max_slowdown, limit or both")
        if (self.measure == "cost_per_request") != (self.price_per_hour is not None):
            raise ValueError("cost_per_request and price_per_hour belong together; give both or neither")
        return self


class GateRule(_Policy):
    """One rule: how much worse is too much, and how sure one must be.

    Attributes:
        scope: ``per_language``: a test each, corrected together; ``macro``: one test of the mean over all languages;
            ``group``: a test of the mean over each group of languages ``by`` makes, corrected together.
        margin: Largest acceptable loss, as a positive number in the unit of the metric as shown (points, or fraction),
            or as a share of its scale (``1%``).
        alpha: Level of the test (and of the confidence bound of non-inferiority).
        hard_drop: A loss beyond this fails whatever the test says.
        floor: Smallest acceptable score; ``chance+X`` is relative to guessing.
        min_n: Fewer paired segments than this are inconclusive.
        performance: Instead of all these, what is asked of speed, memory or cost.
    """

    select: Selector = Selector()
    scope: Literal["macro", "group", "per_language"] = "per_language"
    by: Grouping | None = None
    margin: AmountField = Amount(0.0)
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    correction: Literal["bh", "holm", "none"] = "bh"
    hard_drop: AmountField | None = None
    floor: float | Annotated[str, Field(pattern=r"^chance[+-]\d+(\.\d+)?$")] | None = None
    min_n: Annotated[int, Field(ge=0)] = 0
    cluster: Literal["item", "none"] = "item"
    on_inconclusive: Literal["warn", "fail", "pass"] = "warn"
    performance: PerformanceSpec | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.scope == "group") != (self.by is not None):
            raise ValueError("'scope: group' and 'by' (script, family, resource_class, region) belong together")
        if self.hard_drop is not None and self.hard_drop.number == 0:
            raise ValueError("hard_drop: must be above 0; a margin of 0 forbids every loss that is sure")
        if self.performance is not None:
            other = self.model_fields_set - {"select", "performance", "on_inconclusive"}
            unknown = {"variant", "prompt", "metric", "language", "script", "family", "resource_class", "region"}
            other |= {f"select.{name}" for name in self.select.model_fields_set & unknown}
            if other:
                raise ValueError(
                    "a rule about performance takes 'select' (task, model) and 'on_inconclusive' beside it, because "
                    f"speed is recorded by task and model; take out {', '.join(sorted(other))}"
                )
        return self


class Waiver(_Policy):
    """A known exception, with a reason and an end."""

    language: str | None = None
    task: str | None = None
    reason: Annotated[str, Field(min_length=1)]
    expires: datetime.date


class BaselineSpec(_Policy):
    """Where the baseline is and what must be equal to compare with it."""

    path: str | None = None
    require_same: tuple[Facet, ...] = ("dataset", "prompt", "metric_signature", "decoding")


class CoverageSpec(_Policy):
    """What to do about scores that are missing or made from few answers."""

    missing_language: Literal["fail", "warn", "ignore"] = "fail"
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.01


class ConfirmSpec(_Policy):
    """A regression counts only when further runs of the candidate bear it out.

    Attributes:
        reruns: How many further runs. only: For which scores: those of sampled text, or all.
    """

    reruns: Annotated[int, Field(ge=1)] = 2
    only: Literal["nondeterministic", "all"] = "nondeterministic"


class GatePolicy(_Policy):
    """A gate policy file."""

    baseline: BaselineSpec = BaselineSpec()
    rules: tuple[GateRule, ...] = Field(min_length=1)
    coverage: CoverageSpec = CoverageSpec()
    confirm: ConfirmSpec | None = None
    waivers: tuple[Waiver, ...] = ()
