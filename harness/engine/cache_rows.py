"""Rows of a transformers cache: chosen, freed of columns that nobody needs, and put beside the rows of another cache.

Rows end at the same column. A layer that looks back through a window keeps the window's last columns only, and a layer
without positions (linear attention) one state a row; all of them can be joined. Other layers, which a library or a
model may bring, cannot: what is not known is refused.
"""

from __future__ import annotations

import copy
from typing import Any


class UnknownCacheError(TypeError):
    """A cache has layers that are not known here."""


def chosen(cache: Any, rows: Any) -> None:
    """Keep ``rows`` (int64 ``[m]``, on the device; a row may be taken several times) of a cache, in this order."""
    cache.reorder_cache(rows)


def branched(cache: Any, rows: Any, *, last: bool = False) -> Any:
    """A cache of ``rows`` (int64 ``[m]``) of another, which stays as it is unless this is the ``last`` use of it.

    Layers that never write into what they hold are not copied as a whole, and one row becomes several without a copy.
    """
    from transformers import cache_utils

    layers = getattr(cache, "layers", None)
    if not layers or any(type(layer) is not cache_utils.DynamicLayer or not _has_columns(layer) for layer in layers):
        found = cache if last else copy.deepcopy(cache)
        found.reorder_cache(rows)
        return found
    found = copy.copy(cache)
    found.layers = [copy.copy(layer) for layer in layers]
    for layer in found.layers:
        for name in ("keys", "values"):
            held = getattr(layer, name)
            taken = held.expand(len(rows), -1, -1, -1) if held.shape[0] == 1 else held.index_select(0, rows)
            setattr(layer, name, taken)
    return found


def without_first(cache: Any, columns: int, drop: int) -> None:
    """Forget the first ``drop`` of a cache's ``columns`` columns.

    Raises:
        UnknownCacheError: A layer is of an unknown kind.
    """
    for layer in _layers(cache):
        if _has_columns(layer):
            held = _held(layer, columns - drop)
            layer.keys = layer.keys[:, :, layer.keys.shape[2] - held :]
            layer.values = layer.values[:, :, layer.values.shape[2] - held :]
            _count(layer, columns - drop)


def joined(one: Any, other: Any, columns: int) -> None:
    """Add the rows of ``other`` to those of ``one``, both aligned at the end of ``columns`` columns.

    What either lacks on the left becomes zeros, which the caller's mask must hide.

    Raises:
        UnknownCacheError: A layer is of an unknown kind, or the two caches are not of the same model.
    """
    import torch

    layers = list(zip(_layers(one), _layers(other), strict=True))
    for first, second in layers:
        if type(first) is not type(second):
            raise UnknownCacheError(f"{type(first).__name__} beside {type(second).__name__}")
        if _has_columns(first):
            held = _held(first, columns)
            first.keys = torch.cat([_padded(first.keys, held), _padded(second.keys, held)])
            first.values = torch.cat([_padded(first.values, held), _padded(second.values, held)])
            _count(first, columns)
        for name in ("conv_states", "recurrent_states"):
            states = getattr(first, name, None) or {}
            for index, state in states.items():
                if state is not None:
                    states[index] = torch.cat([state, getattr(second, name)[index]])


def _layers(cache: Any) -> list[Any]:
    from transformers import cache_utils

    known = (
        cache_utils.DynamicLayer,
        cache_utils.DynamicSlidingWindowLayer,
        cache_utils.LinearAttentionLayer,
        cache_utils.LinearAttentionAndFullAttentionLayer,
        cache_utils.LinearAttentionAndSlidingWindowAttentionLayer,
        cache_utils.DummyLayer,
    )
    layers = list(getattr(cache, "layers", ()))
    for layer in layers:
        if type(layer) not in known:
            raise UnknownCacheError(type(layer).__name__)
    if not layers:
        raise UnknownCacheError(type(cache).__name__)
    return layers


def _has_columns(layer: Any) -> bool:
    """Whether a layer holds keys: one that shares another's does not."""
    return getattr(layer, "keys", None) is not None and layer.keys.numel() > 0


def _held(layer: Any, columns: int) -> int:
    """Columns that a layer keeps of so many."""
    window = getattr(layer, "sliding_window", None)
    return columns if window is None else min(columns, window - 1)


def _count(layer: Any, columns: int) -> None:
    """Tell a layer with a window how many columns it has seen."""
    if hasattr(layer, "cumulative_length"):
        layer.cumulative_length = columns


def _padded(states: Any, columns: int) -> Any:
    """States ``[n, heads, t, d]`` with zeros before them."""
    import torch

    return torch.nn.functional.pad(states, (0, 0, columns - states.shape[2], 0))
