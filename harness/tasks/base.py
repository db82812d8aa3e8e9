"""What all task kinds share: a unit of work, and what comes out of it.

A unit is one task in one variant, prompt and language: the smallest thing that gets a score. It says what to ask, and
turns the answers into segments and statistics; it knows neither the engine nor where anything is stored.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data import DataRoots, documents_hash
from harness.directions import expand_directions
from harness.errors import UserError
from harness.languages import standing_for
from harness.loader import TaskFile
from harness.records import DRAW_MARK, Fingerprint
from harness.sources import Reading, readings
from harness.spec import DatasetSpec, MetricOption, TaskSpec, VariantSpec, merged
from harness.store import SegmentRow, content_hash
from harness.types import Chat, Document, Embed, EmbedResponse, Failed, GenerateResponse, Request, Response
from metrics import registry
from metrics.alignment import LayerMetric
from metrics.base import FloatArray, Metric, VectorArray, VectorMetric
from metrics.spelling import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of a task to run; an empty field means everything.

    Attributes:
        languages: Canonical codes; a direction is run when either side that is not the pivot is among them. A variety
            stands for its language, and a language for its varieties, where a task has only the other.
        directions: ``all``, ``source-target`` or with ``xx`` on one side, in any codes, instead of the directions that
            the task files name; tasks without directions are not concerned.
        variants, prompts: Names from the task file.
        limit: At most so many documents a unit, from the front.
        num_fewshot: Examples in every prompt, whatever the task files say.
        sampling_seed: Which draw of sampled text; added to the seed that a task names.
    """

    languages: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    limit: int | None = None
    num_fewshot: int | None = None
    sampling_seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a unit's answers amount to.

    Attributes:
        rows: The texts of every document, failed ones with their reason.
        scored: Positions in ``rows`` of the documents that have statistics.
        statistics: By metric name, float64 ``[len(scored), k]``. A metric that does not exist for the unit (tokens per
            word where the script has no spaces) is left out: its score is then absent, and not missing.
    """

    rows: list[SegmentRow]
    scored: list[int]
    statistics: dict[str, NDArray[np.float64]]


class Unit(ABC):
    """One task in one variant, prompt and language.

    Attributes:
        language: Canonical code, or ``source-target``.
        target_language: The language whose text is judged.
        transient: Whether responses are too large to keep once they are reduced to statistics.
        keeps_texts: Whether the run folder holds the texts; not where many units of a run have the same.
        requests_made: The kinds of request this unit will make.
        chat: How the model wants conversations written; set before the requests are made.
    """

    transient = False
    keeps_texts = True
    requests_made: frozenset[type] = frozenset()
    chat: Chat | None = None

    def __init__(
        self,
        task: TaskFile,
        data_root: Path | None,
        *,
        language: str,
        variant: str = "",
        prompt: str = "",
        limit: int | None = None,
        num_fewshot: int | None = None,
        sampling_seed: int = 0,
    ) -> None:
        self.task = task
        self.spec: TaskSpec = task.spec
        self.language = language
        self.target_language = language.rpartition("-")[2]
        self.variant = variant
        self.prompt = prompt
        self.limit = limit
        self._shots_wanted = num_fewshot
        self.sampling_seed = sampling_seed
        self.variant_spec = self.spec.variants.get(variant, VariantSpec())
        changes = {**self.variant_spec.dataset, **task.subsets.get(language, {})}
        self.dataset: DatasetSpec = merged(self.spec.dataset, changes, f"{self.where}: dataset")
        self.roots = DataRoots(task_folder=task.path.parent, data_root=data_root)
        self._documents: list[Document] | None = None
        self._dataset_hash = ""
        self._metrics: dict[str, tuple[Metric, dict[str, MetricOption]]] | None = None
        self.total = 0

    @property
    def where(self) -> str:
        """How errors call this unit."""
        return " ".join(filter(None, [self.spec.task, self.variant, self.prompt, self.language]))

    @property
    def shared_language(self) -> str:
        """Whose texts :meth:`shared_requests` asks about; empty where it asks about none."""
        return ""

    @property
    def sides(self) -> tuple[str, str]:
        """The columns of the two texts that belong together, in kinds that compare two texts."""
        return ("source", "target")

    @property
    def own_code(self) -> str:
        """The data set's own code of the language; of a direction, both sides' with a hyphen."""
        return "-".join(self.spec.languages[side] for side in self.language.split("-"))

    @property
    def side_languages(self) -> tuple[str, str]:
        """Languages of the two ``sides``: those of a direction, or the one language twice."""
        parts = self.language.split("-")
        return parts[0], parts[-1]

    @property
    def num_fewshot(self) -> int | None:
        """Examples in every prompt: as the run, the variant or the task file says; ``None`` where none of them does."""
        own = self.spec.num_fewshot if "num_fewshot" in self.spec.model_fields_set else None
        said = (self._shots_wanted, self.variant_spec.num_fewshot, own)
        return next((shots for shots in said if shots is not None), None)

    @property
    def chance(self) -> float | None:
        """Score of guessing, where the task says or knows it."""
        return self.spec.chance

    @property
    def documents(self) -> list[Document]:
        """The unit's documents, read on first use and dropped by :meth:`release`."""
        if self._documents is None:
            everything = self.read()
            self.total = len(everything)
            self._documents = everything[: self.limit]
        return self._documents

    @abstractmethod
    def read(self) -> list[Document]:
        """All documents of the unit, checked: columns present, texts where texts are needed.

        Raises:
            DataError: The data is missing, empty or misshapen.
        """

    def readings(self) -> Iterator[Reading]:
        """Every split of data that the unit may read, for whoever fetches or looks for it."""
        return readings(self.dataset, {"lang": self.own_code})

    def shared_requests(self) -> list[Request]:
        """Requests that many units of the task make alike (the pivot's sentences); they are answered first and once."""
        return []

    @abstractmethod
    def requests(self) -> list[Request]:
        """The unit's own requests, in an order that depends on the documents alone."""

    def parts(self) -> Iterator[tuple[list[Request], bool]]:
        """:meth:`requests` in parts, each with whether it is the last; a kind that says so judges them one by one."""
        yield self.requests(), True

    def judged(self, responses: Sequence[Response]) -> list[SegmentRow] | None:  # noqa: ARG002
        """Take the answers to the earliest part without any, and give its rows with their texts; :meth:`outcome` then
        gets no answers, and gives rows without texts. ``None`` of a kind that needs all answers at once."""
        return None

    def instructed(self, requests: Sequence[Request]) -> list[Request]:
        """Requests, those for final embeddings with the task's instruction for their side."""
        said = self.spec.instruction
        if not said:
            return list(requests)
        by_side: Mapping[str, str] = dict(said.items()) if isinstance(said, dict) else {"": said, "query": said}
        return [
            dataclasses.replace(request, instruction=by_side.get(request.side, ""))
            if isinstance(request, Embed) and not request.pooling
            else request
            for request in requests
        ]

    @abstractmethod
    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:
        """Segments and statistics from the answers to both kinds of request, in their order."""

    def rows(self, reasons: Sequence[str | None]) -> list[SegmentRow]:
        """Texts of the documents' two ``sides``, without a hypothesis, each with the reason why it failed, if any."""
        first, second = self.sides
        return [
            SegmentRow(
                segment=document.id,
                cluster=document.cluster,
                source=str(document.fields[first]),
                references=(str(document.fields[second]),),
                hypothesis=None,
                failed=reason,
            )
            for document, reason in zip(self.documents, reasons, strict=True)
        ]

    def metric_options(self, name: str, options: Mapping[str, MetricOption]) -> dict[str, MetricOption]:  # noqa: ARG002
        """Options of a metric, completed with what the unit knows (the target language's tokenizer, the pooling)."""
        return dict(options)

    def metrics(self) -> dict[str, tuple[Metric, dict[str, MetricOption]]]:
        """By name, every metric of the task with the options that make it again.

        One object a unit: a metric may know more about itself (its number of references) once it has seen the segments.
        """
        if self._metrics is None:
            self._metrics = {}
            for wanted in self.spec.metrics:
                options = self.metric_options(wanted.name, wanted.options)
                self._metrics[wanted.label] = (registry.create(wanted.label, options), options)
        return self._metrics

    def dataset_hash(self) -> str:
        """Hash of the unit's documents, as used."""
        self._dataset_hash = self._dataset_hash or documents_hash(self.documents)
        return self._dataset_hash

    def prompt_hash(self) -> str:
        """Hash of what turns documents into requests; empty where a text is given as it is."""
        return template_hash(self.spec.instruction) if self.spec.instruction else ""

    def decoding(self) -> str:
        """Settings of generation or pooling, as text; empty where there are none."""
        return ""

    def draw(self) -> str:
        """:meth:`decoding`, where text is sampled with which draw it is (:class:`~harness.records.Fingerprint`)."""
        settings = self.decoding()
        named = self.sampling_seed and Fingerprint(decoding=settings).sampled
        return f"{settings}{DRAW_MARK}{self.sampling_seed}" if named else settings

    def release(self) -> None:
        """Forget the documents, so that memory does not grow with the number of languages."""
        self._documents = None


def vector_statistics(
    metrics: Mapping[str, Metric], first: VectorArray, second: VectorArray, gold: FloatArray | None = None
) -> dict[str, FloatArray]:
    """Statistics of every metric from the vectors of both sides; what two metrics share is computed once."""
    computed: dict[object, FloatArray] = {}
    statistics = {}
    for name, metric in metrics.items():
        assert isinstance(metric, VectorMetric), "the loader lets only metrics of this kind of task through"
        shared = metric.statistics if isinstance(metric, LayerMetric) else name
        if shared not in computed:
            computed[shared] = metric.vector_stats(first, second, gold)
        statistics[name] = computed[shared]
    return statistics


def paired_vectors(
    pairs: Sequence[tuple[Response, Response]], scored: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embeddings ``[n, d]`` of the first and of the second side of the scored pairs."""
    first, second = (
        np.stack([side.vectors for index in scored if isinstance(side := pairs[index][which], EmbedResponse)])
        for which in (0, 1)
    )
    return first, second


def failure(responses: Iterable[Response]) -> str | None:
    """The reason why a document has no score, if any of its responses failed."""
    return next((response.reason for response in responses if isinstance(response, Failed)), None)


def reasoning_of(response: Response) -> str | None:
    """What was taken off before an answer, as a row of a run holds it."""
    return response.reasoning or None if isinstance(response, GenerateResponse) else None


def chosen(wanted: Sequence[str], have: Iterable[str], what: str, task: str) -> list[str]:
    """Names of the task that the selection wants; all of them when it wants none in particular.

    Raises:
        UserError: The task does not have one of them.
    """
    names = list(have)
    for name in wanted:
        if name not in names:
            hint = did_you_mean(name, names)
            raise UserError(f"task {task}: no {what} '{name}'{hint}; it has {', '.join(names) or 'none'}")
    return [name for name in names if not wanted or name in wanted]


def chosen_languages(selection: Selection, spec: TaskSpec) -> list[str]:
    """Languages of the task that the selection wants, in the task's order.

    Raises:
        UserError: The task has neither one of them nor a variety of it.
    """
    wanted = [found for code in selection.languages for found in standing_for(code, spec.languages) or (code,)]
    return chosen(wanted, spec.languages, "language", spec.task)


def unit_names(spec: TaskSpec, selection: Selection, languages: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What the units that the selection wants are made with: ``variant``, ``prompt``, ``language`` and so on.

    A variant that names languages, directions or prompts of its own has only those.

    Args:
        languages: Languages or directions that are wanted.

    Raises:
        UserError: The task does not have a variant or prompt that is wanted.
    """
    prompts = chosen(selection.prompts, spec.prompts or [""], "prompt", spec.task)
    for variant in chosen(selection.variants, spec.variants or [""], "variant", spec.task):
        said = spec.variants.get(variant, VariantSpec())
        pairs = expand_directions(spec.model_copy(update={"directions": said.directions})) if said.directions else ()
        own = {f"{source}-{target}" for source, target in pairs} or {*languages}
        for prompt in prompts:
            if said.prompts and prompt not in said.prompts:
                continue
            for language in languages:
                if language not in own:
                    continue
                sides = set(language.split("-"))
                known = {*said.languages, spec.pivot} if len(sides) > 1 else {*said.languages}
                if not said.languages or sides <= known:
                    yield {
                        "variant": variant,
                        "prompt": prompt,
                        "language": language,
                        "limit": selection.limit,
                        "num_fewshot": selection.num_fewshot,
                        "sampling_seed": selection.sampling_seed,
                    }


def template_hash(*parts: object) -> str:
    """Short hash of templates and settings."""
    return content_hash([str(part) for part in parts])[:16]
