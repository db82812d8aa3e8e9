"""Data sets that only mteb's own code can load: loaded by it, and written as plain rows that our readers take.

The code is that of the installed mteb. What it reads comes from the mirror under ``--data-root`` where that has the
data set, else from the hub. Every run loads anew what it needs: rows are as fresh as their source.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from harness.errors import DataError
from harness.formats import FORMATS
from harness.mteb_index import PREFIX
from harness.mteb_tasks import LOADED
from harness.spec import DatasetSpec
from harness.store import write_text_atomic
from harness.task_file import TaskFile

_ENDINGS = tuple(ending + packed for ending in FORMATS for packed in ("", ".gz"))
_SHARDS = re.compile(r"-\d{5}-of-\d{5}$")

Row = Mapping[str, object]


def load_with_mteb(task: TaskFile, datasets: Sequence[DatasetSpec], data_root: Path | None) -> None:
    """Write the files that some of a task's data sets name.

    Args:
        task: One whose ``mteb`` names a task. datasets: Of the subsets that are wanted.

    Raises:
        DataError: mteb cannot load them, or what it loads has another shape than its documentation says.
    """
    wanted = {unquote(_place(dataset).parent.name): dataset for dataset in datasets}
    split = task.spec.dataset.splits[0]
    where = f"{PREFIX}{task.mteb}"
    with ExitStack() as stack:
        loaded = _loaded(task.mteb, list(wanted), split, data_root, stack, where)
        for subset, dataset in wanted.items():
            files = _files(loaded, task, subset, split, where)
            for name, rows in files.items():
                text = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
                if not text:
                    raise DataError(f"{where}: subset '{subset}' has no rows in '{name}' of split '{split}'")
                write_text_atomic(task.path.parent / _place(dataset).parent / f"{name}.jsonl", text)


def _place(dataset: DatasetSpec) -> Path:
    """Path of a file of a subset, below the folder of the task file."""
    files = dataset.files or next(iter(dataset.parts.values()))["files"]
    assert isinstance(files, str)
    assert files.startswith(f"{LOADED}/")
    return Path(files)


def _loaded(name: str, subsets: list[str], split: str, data_root: Path | None, stack: ExitStack, where: str) -> Any:
    """mteb's task object with its data."""
    import mteb

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells every retry; what matters is told below
    made = mteb.get_task(name, hf_subsets=subsets, eval_splits=[split])
    made.fast_loading = False  # the same rows, but only those of the subsets
    source: dict[str, Any] = dict(made.metadata.dataset)
    mirror = data_root / source["path"] if data_root is not None else None
    if mirror is not None and mirror.is_dir():
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(_prepared_in(folder / "cache"))
        source = {**source, "path": str(_as_repository(mirror, folder / "view")), "revision": None}
        # the name of the data set is a fact of the class; this object alone reads the copy
        made.metadata = made.metadata.model_copy(update={"dataset": source})
    try:
        made.load_data()
        if hasattr(made, "convert_v1_dataset_format_to_v2"):
            made.convert_v1_dataset_format_to_v2(num_proc=None)
    except Exception as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        place = f"{mirror}" if mirror is not None and mirror.is_dir() else f"the hub ({source['path']})"
        raise DataError(
            f"{where}: mteb's own loader cannot read it from {place}: {told}; put a copy of the data set's repository "
            "under --data-root"
        ) from error
    return made


@contextmanager
def _prepared_in(folder: Path) -> Iterator[None]:
    """What ``datasets`` prepares from a mirror goes into a folder, and not beside what it has of the hub."""
    import datasets

    before = datasets.config.HF_DATASETS_CACHE
    datasets.config.HF_DATASETS_CACHE = folder
    try:
        yield
    finally:
        datasets.config.HF_DATASETS_CACHE = before


def _as_repository(mirror: Path, view: Path) -> Path:
    """The mirror as a repository that says which files are which configuration, as mteb's loaders need."""
    readme = mirror / "README.md"
    if readme.is_file() and re.search(r"^configs:", readme.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        return mirror
    configs: dict[str, dict[str, list[str]]] = {}
    for path in sorted(mirror.rglob("*")):
        ending = next((ending for ending in _ENDINGS if path.name.endswith(ending)), None)
        if ending is None or not path.is_file():
            continue
        relative = path.relative_to(mirror)
        config = "/".join(part for part in relative.parts[:-1] if part != "data") or "default"
        split = _SHARDS.sub("", path.name.removesuffix(ending))
        configs.setdefault(config, {}).setdefault(split, []).append(relative.as_posix())
        (view / relative).parent.mkdir(parents=True, exist_ok=True)
        (view / relative).symlink_to(path.resolve())
    header = [
        {"config_name": config, "data_files": [{"split": split, "path": files} for split, files in splits.items()]}
        for config, splits in configs.items()
    ]
    view.mkdir(parents=True, exist_ok=True)
    (view / "README.md").write_text(f"---\n{json.dumps({'configs': header})}\n---\n", encoding="utf-8")
    return view


def _files(loaded: Any, task: TaskFile, subset: str, split: str, where: str) -> Mapping[str, Iterable[Row]]:
    """Name of a file, without its ending, to its rows."""
    kind, dataset = task.spec.kind, task.spec.dataset
    data = loaded.dataset.get(subset, loaded.dataset)
    if kind in ("retrieval", "reranking"):
        return _retrieval_files(data[split], split, candidates=kind == "reranking", where=where)
    columns: tuple[str, ...] = {
        "bitext_mining": ("sentence1", "sentence2"),
        "sts": (*dataset.sides, dataset.score),
        "pair_classification": (*dataset.sides, dataset.label),
    }.get(kind, (dataset.text, dataset.label))
    splits = [split, dataset.train_split] if kind.endswith("classification") and kind[0] != "p" else [split]
    most = getattr(loaded, "max_eval_samples", None)
    if most is not None and len(data[split]) > most:
        data = {**data, split: _thinned(data[split], most, loaded.seed, dataset.label)}
    rows = {name: _rows(data[name], columns, where) for name in splits}
    if kind == "clustering":  # a label may be the list of its levels
        rows = {name: [{key: _plain(value) for key, value in row.items()} for row in own] for name, own in rows.items()}
    return rows


def _rows(data: Any, columns: Sequence[str], where: str) -> list[Row]:
    """Rows with some columns, of a data set, of a mapping of columns, or of one row that holds whole columns."""
    if len(data) == 1 and not isinstance(data, Mapping) and not isinstance(data[0].get(columns[0], ""), str):
        data = {column: list(values) for column, values in data[0].items()}
    if isinstance(data, Mapping):
        if "gold" in data:
            raise DataError(f"{where}: its two sides are not line by line each other's translation; BUCC.v2's are")
        data = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    missing = [column for column in columns if data and column not in data[0]]
    if missing:
        raise DataError(f"{where}: mteb's loader gives no column '{missing[0]}'; it gives {', '.join(data[0])}")
    return [{column: row[column] for column in columns} for row in data]


def _thinned(data: Any, most: int, seed: int, label: str) -> Any:
    """The items of a large split that mteb scores where items have several labels."""
    from datasets import DatasetDict
    from mteb.abstasks.abstask import _multilabel_subsampling

    return _multilabel_subsampling(DatasetDict(test=data), seed=seed, label=label, n_samples=most)["test"]


def _plain(value: object) -> object:
    """A value without the list around a single one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _retrieval_files(data: Mapping[str, Any], split: str, *, candidates: bool, where: str) -> dict[str, Iterable[Row]]:
    queries = list(data["queries"])
    if any("instruction" in row or not isinstance(row["text"], str) for row in queries[:1]):
        raise DataError(f"{where}: its queries are instructions or conversations, which no kind here has")
    files: dict[str, Iterable[Row]] = {
        "queries": ({"id": row["id"], "text": row["text"]} for row in queries),
        "corpus": (
            {"id": row["id"], "title": row.get("title") or "", "text": row.get("text") or ""} for row in data["corpus"]
        ),
        "qrels": (
            {"query-id": query, "corpus-id": document, "score": int(score)}
            for query, relevant in data["relevant_docs"].items()
            for document, score in relevant.items()
        ),
    }
    if candidates:
        if data.get("top_ranked") is None:
            raise DataError(f"{where}: has no candidates to rank")
        files["candidates"] = (
            {"query-id": query, "corpus-ids": list(ids)} for query, ids in data["top_ranked"].items()
        )
    return {f"{name}.{split}": rows for name, rows in files.items()}
