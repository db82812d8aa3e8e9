"""Our engines as models of mteb: ``mteb.evaluate(glotbench_model("st:PATH"), tasks)``.

mteb is an extra (``pip install 'glotbench[mteb]'``) and is imported when a model is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.engine.base import Engine
from harness.engine.models import load_model, parse_model
from harness.errors import BackendError
from harness.store import content_hash
from harness.types import Embed, EmbedResponse, Failed


class MtebModel:
    """An engine that mteb takes for an encoder (its ``EncoderProtocol``, mteb 2).

    Args:
        engine: One that answers :class:`~harness.types.Embed`.

    Attributes:
        mteb_model_meta: Name ``glotbench/NAME`` and a revision that changes with whatever changes the vectors, so that
            mteb never takes one model's kept scores for another's.

    Raises:
        BackendError: The engine makes no vectors.
    """

    def __init__(self, engine: Engine) -> None:
        from mteb.models import ModelMeta

        if Embed not in engine.requests_answered():
            raise BackendError(
                f"--model {engine.backend}:{engine.name}: gives no sentence embeddings, which mteb needs"
            )
        self._engine = engine
        name = re.sub(r"[^\w.-]+", "-", engine.name.rstrip("/").rpartition("/")[2]) or engine.backend
        self.mteb_model_meta = ModelMeta.create_empty(
            overwrites={"name": f"glotbench/{name}", "revision": content_hash(dict(engine.identity))[:16]}
        )

    def encode(self, inputs: Iterable[Mapping[str, Any]], **_: object) -> NDArray[np.float32]:
        """Vectors ``[n, d]`` of the texts of mteb's batches, in their order; equal texts are computed once.

        What else mteb says (the task, the split, whether it is a query) changes nothing.

        Raises:
            BackendError: A text has no vector.
        """
        texts = [str(text) for batch in inputs for text in batch["text"]]
        distinct = list(dict.fromkeys(texts))
        requests = [Embed(text=text) for text in distinct]
        vectors: dict[str, NDArray[np.float32]] = {}
        for batch in self._engine.plan(requests):
            answers = self._engine.answer([requests[position] for position in batch])
            for position, answer in zip(batch, answers, strict=True):
                if isinstance(answer, Failed):
                    raise BackendError(f"{self._engine.name}: '{distinct[position][:40]}': {answer.reason}")
                assert isinstance(answer, EmbedResponse)
                vectors[distinct[position]] = answer.vectors
        return np.stack([vectors[text] for text in texts])

    def similarity(self, first: Any, second: Any) -> Any:
        """Cosines ``[n, m]``, mteb's own."""
        from mteb.similarity_functions import cos_sim

        return cos_sim(first, second)

    def similarity_pairwise(self, first: Any, second: Any) -> Any:
        """Cosines ``[n]`` of pairs, mteb's own."""
        from mteb.similarity_functions import pairwise_cos_sim

        return pairwise_cos_sim(first, second)


def glotbench_model(text: str) -> MtebModel:
    """The model of ``BACKEND:NAME[,key=value...]``, as on our command line.

    Raises:
        UserError: There is no such backend, it cannot be loaded, or it makes no vectors.
    """
    return MtebModel(load_model(parse_model(text)))
