"""mteb's registry, imported: what its task classes say, as plain facts (mteb 2.26).

The only module that looks into mteb's classes. Whether a task can run here, and whether its data can be read without
mteb, follows from what the class changes of its base.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Route = Literal["rows", "loader", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MtebTask:
    """One task of mteb's.

    Attributes:
        type: mteb's, such as ``BitextMining``. path, revision, config: The data set on the hub; the configuration is
            empty where subsets name theirs.
        splits: Those that mteb scores, each on its own.
        subsets: Name to mteb's codes of its languages, such as ``ara-Arab``.
        several: Whether every subset is a configuration of the data set.
        route: ``rows`` where the data set's rows are the task's documents; ``loader`` where mteb's own code must load
            or change them; ``none`` where it cannot run here, with the ``reason``.
        options: What the task's class says otherwise than others of its type.
    """

    name: str
    type: str
    path: str = ""
    revision: str = ""
    config: str = ""
    splits: tuple[str, ...] = ()
    subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    several: bool = False
    main_score: str = ""
    description: str = ""
    reference: str = ""
    license: str = ""
    route: Route = "rows"
    reason: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


_BASES = {
    "BitextMining": "AbsTaskBitextMining",
    "STS": "AbsTaskSTS",
    "Classification": "AbsTaskClassification",
    "MultilabelClassification": "AbsTaskMultilabelClassification",
    "Clustering": "AbsTaskClustering",
    "PairClassification": "AbsTaskPairClassification",
    "Retrieval": "AbsTaskRetrieval",
    "Reranking": "AbsTaskRetrieval",
}
"""Types that have a kind of ours, and the class that scores them as we do."""

_DATA = ("load_data", "dataset_transform", "fast_load")
"""Methods that a task may change: only where its documents come from."""

_CLASSIFIERS = {
    "Classification": ("LogisticRegression", {"max_iter": 100}),
    "MultilabelClassification": ("KNeighborsClassifier", {}),
}
"""Class of the classifier, and its parameters that are not as usual; the seed does not count."""


def registered() -> Iterator[MtebTask]:
    """Every task of the installed mteb."""
    from mteb.get_tasks import _TASKS_REGISTRY

    for _, found in sorted(_TASKS_REGISTRY.items()):
        yield _facts(found)


def _facts(found: Any) -> MtebTask:
    metadata = found.metadata
    reason = next(_reasons(found), "")
    route: Route = "none" if reason else "loader" if _needs_loader(found) else "rows"
    source = getattr(metadata, "dataset", None) or {}
    return MtebTask(
        name=str(metadata.name),
        type=str(metadata.type),
        path=str(source.get("path", "")),
        revision=str(source.get("revision", "")),
        config=str(source.get("name", "") or ""),
        splits=tuple(map(str, metadata.eval_splits)),
        subsets={str(name): tuple(codes) for name, codes in _subsets(metadata).items()},
        several=bool(metadata.is_multilingual),
        main_score=str(metadata.main_score),
        description=" ".join(str(metadata.description).split()),
        reference=str(metadata.reference or ""),
        license=str(metadata.license or ""),
        route=route,
        reason=reason,
        options={} if reason else _options(found),
    )


def _subsets(metadata: Any) -> Mapping[str, list[str]]:
    found: Mapping[str, list[str]] = metadata.hf_subsets_to_langscripts
    return found


def _reasons(found: Any) -> Iterator[str]:
    """Why a task cannot be scored here as mteb scores it; none where it can."""
    metadata = found.metadata
    bases = [one.__name__ for one in found.__mro__]
    if list(metadata.modalities) != ["text"]:
        yield f"is about {', '.join(sorted(set(metadata.modalities) - {'text'}))}, not text alone"
    if metadata.type not in _BASES:
        yield f"type {metadata.type} has no kind here"
        return
    if _BASES[metadata.type] not in bases or (metadata.type == "Classification" and "Multilabel" in "".join(bases)):
        yield f"is scored by mteb's {bases[1]}, which has no kind here"
        return
    if changed := _changed(found):
        yield f"scores with code of its own ({', '.join(changed)})"
    if metadata.type in _CLASSIFIERS and not _is_usual(found.evaluator_model, *_CLASSIFIERS[metadata.type]):
        yield f"learns with {' '.join(str(found.evaluator_model).split())}"
    if getattr(found, "is_cross_validation", False):
        yield "is scored by cross-validation"
    if getattr(found, "ignore_identical_ids", False) or getattr(found, "skip_first_result", False):
        yield "leaves a query's own text out of the ranking"
    if getattr(found, "max_depth", None) is not None:
        yield "has clusters within clusters"


def _is_usual(model: Any, name: str, changed: Mapping[str, object]) -> bool:
    told = {key: value for key, value in model.get_params().items() if key != "random_state"}
    usual = {**type(model)().get_params(), **changed}
    return type(model).__name__ == name and all(usual[key] == value for key, value in told.items())


def _changed(found: Any) -> list[str]:
    """Methods of the scoring that classes of the task's own module change."""
    own = [one for one in found.__mro__ if one.__module__.startswith("mteb.tasks")]
    names = {name for one in own for name, value in vars(one).items() if callable(value) and not name.startswith("__")}
    base = next(one for one in found.__mro__ if one.__name__ == _BASES[found.metadata.type])
    return sorted(name for name in names if hasattr(base, name) and name not in _DATA)


def _needs_loader(found: Any) -> bool:
    """Whether rows of the data set are not the task's documents as they are."""
    if found.metadata.type in ("Retrieval", "Reranking") or set(found.metadata.dataset) - {"path", "revision", "name"}:
        return True
    if getattr(found, "max_eval_samples", None) is not None:  # drawn so that all labels remain
        return True
    if getattr(found, "parallel_subsets", False):  # its loader only leaves the subsets out of the configuration
        return _changes(found, "dataset_transform")
    return any(_changes(found, name) for name in _DATA)  # fast_loading reads the same rows, all subsets at once


def _changes(found: Any, method: str) -> bool:
    return any(method in vars(one) for one in found.__mro__ if one.__module__.startswith("mteb.tasks"))


def _options(found: Any) -> dict[str, Any]:
    """Columns and sizes of a task's class."""
    match found.metadata.type:
        case "BitextMining":
            return {"parallel": bool(found.parallel_subsets)}
        case "STS":
            return {"sides": list(found.column_names)}
        case "PairClassification":
            sides = [found.input1_column_name, found.input2_column_name]
            return {"sides": sides, "label": found.label_column_name}
        case "Classification" | "MultilabelClassification":
            return {
                "text": found.input_column_name,
                "label": found.label_column_name,
                "train_split": found.train_split,
                "per_label": found.samples_per_label,
                "experiments": found.n_experiments,
            }
        case "Clustering":
            return {
                "text": found.input_column_name,
                "label": found.label_column_name,
                "experiments": found.n_clusters,
                "sample": found.max_documents_per_cluster,
                "fraction": found.max_fraction_of_documents_to_embed,
                "documents": found.max_document_to_embed,
            }
        case _:
            return {}
