"""What people write in task files, as pydantic models. ``extra="forbid"`` everywhere.

Only shapes and rules that need nothing but the value itself. Reading YAML and expanding languages is
``harness.loader``; rules that need the registries or look across fields are ``harness.task_checks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.errors import DataError

LM_KINDS = ("multiple_choice", "generate_until", "loglikelihood", "loglikelihood_rolling")
DIRECTION_KINDS = ("translation", "bitext_mining")
"""Kinds that need directions."""
CROSS_LINGUAL_KINDS = ("sts", "pair_classification", "retrieval", "reranking")
"""Kinds that may have directions: a row's two sides are then in two languages."""
SEARCH_KINDS = ("retrieval", "reranking")
"""Kinds in which a query looks for passages."""
EMBEDDING_KINDS = (
    "bitext_mining",
    "sts",
    "classification",
    "multilabel_classification",
    "clustering",
    "pair_classification",
    *SEARCH_KINDS,
)
"""Kinds that compare final embeddings."""
Kind = Literal[
    "multiple_choice",
    "generate_until",
    "loglikelihood",
    "loglikelihood_rolling",
    "perplexity",
    "preference",
    "contrastive",
    "translation",
    "bitext_mining",
    "sts",
    "classification",
    "multilabel_classification",
    "clustering",
    "pair_classification",
    "retrieval",
    "reranking",
    "alignment",
]
Format = Literal["tsv", "csv", "jsonl", "json", "squad", "parquet", "lines"]
MetricOption = str | int | float | bool
FilterOption = str | int | float | bool | tuple[str, ...] | dict[str, str | int | float] | None
Scalar = str | int | float | bool
Patterns = str | Annotated[tuple[str, ...], Field(min_length=1)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MetricSpec(_Spec):
    """A metric by name, with its options; in YAML a bare name is enough.

    Attributes:
        filter: Name of the answer filter whose output is judged, where a prompt has several (``filter_list``).
    """

    name: str
    filter: str = ""
    options: dict[str, MetricOption] = Field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name of the score in records: ``exact_match``, ``exact_match@flexible-extract`` for a named filter.

        A mean of what a task's own code computes is ``mean@rouge1``.
        """
        part = "+".join(filter(None, [str(self.options.get("of", "")), self.filter]))
        return f"{self.name}@{part}" if part else self.name

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "name" in value and "options" not in value:
            own = {key: value[key] for key in ("name", "filter") if key in value}
            return {**own, "options": {key: option for key, option in value.items() if key not in own}}
        return value


class DatasetSpec(_Spec):
    """Where the documents are. ``docs/data.md`` tells the whole, with examples.

    Placeholders in patterns, in ``name``, ``text`` and the values of ``where``: ``{lang}`` is the data set's own code
    of the language, ``{lang_code}`` and ``{lang_script}`` its parts before and after the first underscore; in a task
    with directions there are also ``{source}``, ``{target}`` and ``{other}`` (the side that is not the pivot). File
    patterns know ``{split}`` and ``{config}`` (the filled ``name``) too.

    Attributes:
        path, name, revision: A data set on the hub, or a mirror of it under ``--data-root``; its configuration; its
            commit.
        files: Path pattern of files in the data set's own layout (its repository or release), or several patterns of
            which the first that is there is read. Under ``--data-root``, or beside the task file. Beside ``path``, the
            same rows elsewhere. A task with directions reads each side this way.
        source_files, target_files: Instead of ``files``, line-aligned or key-joined files of the two sides of a
            direction or a pair.
        archive: Release archive (``.zip``, ``.tar``, ``.tar.gz``, ...) under ``--data-root`` that holds the files, when
            they are not there unpacked.
        url, sha256: Where ``glotbench data fetch`` gets the archive (or else the files) from, and its hash.
        streaming: Read hub data without keeping all of it, up to ``max_items`` (large sets).
        parallel: Whether the same key (or line) in two languages is the same item, as in translated sets.
        where: Column to value, or list of values: only rows that match are read.
        texts: Name to file: whole texts that templates see under that name (a grammar book).
        format: How to read ``files``; by default from the file name (``.txt`` and unknown endings are ``lines``).
        columns: Names of the columns of a table without a header line, in order; with ``header: true``, instead of it.
        header: Whether tsv and csv files begin with a header line; by default yes unless ``columns`` is given.
        quotes: Whether cells of a tsv file may be quoted as in csv.
        skip: Rows to leave out at the beginning of every one of ``files`` (a canary).
        rename, types, constants: What makes rows of ``files`` equal to the hub's: column (``a.b`` for what is nested)
            to its name there; column to ``int``, ``float``, ``json`` or a mapping of its values; column to one value
            for every row.
        splits: Splits to read, in order; rows are joined.
        split_names: Split to what stands for ``{split}`` in file patterns, where that is another name.
        fewshot_split: Split that few-shot examples come from.
        key: Column, or columns together, that say which rows of different languages are the same item; without it,
            line number.
        text: Column with the text (parallel data). pivot_text: Column of the pivot's text, where a row holds both
            sides.
        label: Column with the class, or list of classes, of a text. train_split: Split that classifiers learn from.
        sides: Columns of the two texts of a pair, in sts and pair classification. score: Column of what people said.
        positive: Labels of pairs that belong together; all others do not.
        query_id, corpus_id: Columns of ``qrels`` (and of ``candidates``, there ``corpus-ids``) with the ids of what
            belongs together; their ``score`` may be empty: each is then 1.
        first_of_key: Of rows with the same key, read the first; otherwise they are a mistake.
        parts: For retrieval, what differs from the fields above for ``queries``, ``corpus``, ``qrels`` and
            ``candidates``.
        cluster: Column of what items must be kept together with (document, passage). ``cluster_files`` is a file of
            the same, line-aligned to the data: bare lines, or with ``cluster`` a table that has that column.
        max_items: Read at most so many items (the first ones, in the order of the pivot or of the key).
    """

    path: str | None = None
    name: str | None = None
    revision: str | None = None
    files: Patterns | None = None
    source_files: Patterns | None = None
    target_files: Patterns | None = None
    archive: str | None = None
    url: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    streaming: bool = False
    parallel: bool = True
    where: dict[str, Scalar | Annotated[tuple[Scalar, ...], Field(min_length=1)]] = Field(default_factory=dict)
    texts: dict[str, str] = Field(default_factory=dict)
    format: Format | None = None
    columns: tuple[str, ...] = ()
    header: bool | None = None
    quotes: bool = False
    skip: Annotated[int, Field(ge=0)] = 0
    rename: dict[str, str] = Field(default_factory=dict)
    types: dict[str, Literal["int", "float", "json"] | dict[str, Scalar]] = Field(default_factory=dict)
    constants: dict[str, Scalar | None] = Field(default_factory=dict)
    splits: Annotated[tuple[str, ...], Field(min_length=1)] = ("test",)
    split_names: dict[str, str] = Field(default_factory=dict)
    fewshot_split: str | None = None
    key: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    text: str = "text"
    pivot_text: str | None = None
    label: str = "label"
    train_split: str = "train"
    sides: tuple[str, str] = ("sentence1", "sentence2")
    score: str = "score"
    positive: Annotated[tuple[Scalar, ...], Field(min_length=1)] = (1,)
    query_id: str = "query-id"
    corpus_id: str = "corpus-id"
    first_of_key: bool = False
    parts: dict[Literal["queries", "corpus", "qrels", "candidates"], dict[str, Any]] = Field(default_factory=dict)
    cluster: str | None = None
    cluster_files: Patterns | None = None
    max_items: Annotated[int, Field(gt=0)] | None = None

    @property
    def has_sides(self) -> bool:
        """Whether the two sides of a direction have files of their own."""
        return self.source_files is not None

    @property
    def has_source(self) -> bool:
        """Whether it says at all where rows are."""
        return self.path is not None or self.files is not None or self.has_sides

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that together name an item; empty when line numbers do."""
        return (self.key,) if isinstance(self.key, str) else self.key or ()

    @model_validator(mode="after")
    def _sides(self) -> Self:
        pair = self.source_files is not None or self.target_files is not None
        if pair and self.files is not None:
            raise ValueError("give 'files', or 'source_files' with 'target_files', not both")
        if pair and (self.source_files is None or self.target_files is None):
            raise ValueError("'source_files' and 'target_files' belong together; one of them is missing")
        return self


def merged(dataset: DatasetSpec, changes: Mapping[str, object], where: str = "dataset") -> DatasetSpec:
    """A data set with some fields changed, validated whole.

    Args:
        dataset: May be one without a source (a task of lm-eval's), as long as ``changes`` names one.
        changes: Field to value; a nested value (``where``, ``splits``) replaces the one before it.
        where: What to call the data set in an error.

    Raises:
        DataError: With every field that does not fit.
    """
    try:
        return DatasetSpec.model_validate({**dataset.model_dump(exclude_unset=True), **changes})
    except ValidationError as error:
        found = [": ".join([*map(str, detail["loc"]), detail["msg"]]) for detail in error.errors()]
        raise DataError("\n".join(f"{where}: {text}" for text in found)) from error


class FilterChain(_Spec):
    """lm-eval's filters by name, one after the other: ``{name: digits, filter: [{function: regex, ...}, ...]}``."""

    name: str
    filter: Annotated[tuple[dict[str, FilterOption], ...], Field(min_length=1)]


class PromptSpec(_Spec):
    """A named prompt. Field names and meaning are lm-eval's.

    A template sees the columns of the document and ``lang``, the data set's own code of the language. In a translation
    task it sees ``source`` (the segment), ``source_language`` and ``target_language`` (English names), ``source_code``
    and ``target_code`` (the data set's own codes) and, in examples, ``target`` instead.

    Attributes:
        doc_to_text: The prompt. doc_to_target: The gold answer, or the index of the right choice. doc_to_choice: The
            choices. Each is a template, or the bare name of a column.
        description: Text before everything else.
        target_delimiter: What stands between prompt and answer. fewshot_delimiter: What stands between examples.
        generation_kwargs: ``until`` (texts that end the answer) and ``max_gen_toks`` (most new tokens). Text is greedy;
            with ``do_sample: true`` it is sampled, by ``temperature`` and perhaps ``top_p``, ``top_k`` and ``seed``.
        repeats: How many answers are sampled for every prompt; what filters make of them is judged.
        filter_list: What is done with an answer before it is judged: named chains of lm-eval's filters.
        fewshot_config: How few-shot examples are drawn; ``sampler: first_n`` takes the first ones for every document.
    """

    doc_to_text: str = ""
    doc_to_target: str | int = ""
    doc_to_choice: str | tuple[str, ...] | None = None
    description: str = ""
    target_delimiter: str = " "
    fewshot_delimiter: str = "\n\n"
    generation_kwargs: dict[str, str | int | float | bool | tuple[str, ...]] = Field(default_factory=dict)
    repeats: Annotated[int, Field(ge=1)] = 1
    filter_list: tuple[FilterChain, ...] = ()
    fewshot_config: dict[Literal["sampler"], Literal["default", "first_n"]] = Field(default_factory=dict)


class VariantSpec(_Spec):
    """A named setting of a task: what differs from the task's own fields.

    Attributes:
        dataset: Fields of the data set that are other here; validated together with the task's own.
        lm_eval: Pattern of lm-eval's task names in this setting.
        languages, prompts: Those that this setting has, of the task's; all of them when empty.
        directions: Those that this setting has, written as the task's; no others are run in it.
        pivot: The language that others are measured against in this setting, in alignment; several settings with
            different pivots encode each language once.
    """

    dataset: dict[str, Any] = Field(default_factory=dict)
    lm_eval: str | None = None
    languages: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    num_fewshot: Annotated[int, Field(ge=0)] | None = None
    pooling: Literal["weighted", "lasttoken"] | None = None
    pivot: str = ""


class TaskSpec(_Spec):
    """One task file: a *family*, in which a language is a row.

    Attributes:
        task: Name people type. Letters, digits, ``_``, ``-``, ``.`` and ``+``.
        kind: What the model is asked for, and so which metrics fit; ``tasks/README.md`` has a table.
        description, source, license: For people: one sentence, the paper or page, and the licence of the data.
        dataset: Where the documents are.
        languages: Canonical codes such as ``yor_Latn``; as a mapping, canonical code to the data set's own code.
        directions: For translation and bitext mining: ``all``, ``xx-eng``, ``eng-xx`` or a list of
            ``source-target`` in any codes of the task's languages; ``xx`` on one side of an entry is every other one.
        pivot: The language that others are measured against (alignment, ``eng-xx``).
        variants: Named settings of the task, each run and scored on its own.
        prompts: Named prompts, each scored on its own; a list of names where they are lm-eval's.
        num_fewshot: Examples in every prompt.
        pooling: How token states become a sentence's vector, in alignment.
        instruction: What embedding models that take instructions (``instruct=TEMPLATE``) are told to do; in retrieval
            and reranking it is for the queries, unless it is a mapping with ``query`` and ``passage``.
        metrics: What judges the answers; names, or names with options.
        chance: Score of guessing, in the unit of the metric.
        lm_eval: Pattern of the names of lm-eval's own tasks, with ``{lang}`` (the data set's own code) and ``{prompt}``
            (the prompt's name): prompts, few-shot draws, filters and scores are then lm-eval's, and ``prompts`` is a
            list of names. ``dataset`` may be left out; what it says stands before what lm-eval's file says.
    """

    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$")]
    kind: Kind
    description: str = ""
    source: str = ""
    license: str = ""
    lm_eval: str | None = None
    dataset: DatasetSpec = DatasetSpec.model_construct()
    languages: dict[str, str]
    directions: Literal["all", "xx-eng", "eng-xx"] | tuple[str, ...] | None = None
    pivot: str = "eng_Latn"
    variants: dict[str, VariantSpec] = Field(default_factory=dict)
    prompts: dict[str, PromptSpec] = Field(default_factory=dict)
    num_fewshot: Annotated[int, Field(ge=0)] = 0
    pooling: Literal["weighted", "lasttoken"] | None = None
    instruction: str | Annotated[dict[Literal["query", "passage"], str], Field(min_length=1)] = ""
    chance: float | None = None
    metrics: tuple[MetricSpec, ...] = Field(min_length=1)

    @property
    def from_lm_eval(self) -> bool:
        """Whether lm-eval's own task files say what is asked and judged."""
        return self.lm_eval is not None or any(variant.lm_eval for variant in self.variants.values())

    @field_validator("languages", mode="before")
    @classmethod
    def _list_to_mapping(cls, value: object) -> object:
        if isinstance(value, list):
            return {code: code for code in value}
        return value

    @field_validator("prompts", mode="before")
    @classmethod
    def _names_to_mapping(cls, value: object) -> object:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return {name: {} for name in value}
        return value

    @field_validator("languages")
    @classmethod
    def _some_languages(cls, value: dict[str, str]) -> dict[str, str]:
        if not value:
            raise ValueError("no language given; name at least one, for example [eng_Latn, yor_Latn]")
        return value
