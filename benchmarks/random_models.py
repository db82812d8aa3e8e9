"""Language models with random weights for the benchmarks: made where they are used, and never written to a disk.

A folder gets a configuration and a tokenizer of one token a word; :func:`held` lets whatever loads that folder with
``AutoModelForCausalLM`` have the weights from memory. Both sides of a comparison then share one copy of them, which is
what lets 16 GB of weights be compared on one card.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

POSITIONS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A decoder's size: layers, their width and that of their middle, heads of queries and of keys and their width."""

    layers: int
    hidden: int
    middle: int
    heads: int
    keys: int
    head: int
    tied: bool = False


SHAPES = {
    "tiny": Shape(layers=2, hidden=64, middle=128, heads=2, keys=1, head=32),
    "small": Shape(layers=8, hidden=512, middle=2048, heads=8, keys=4, head=64),
    "1b": Shape(layers=16, hidden=2048, middle=8192, heads=32, keys=8, head=64, tied=True),
    "8b": Shape(layers=32, hidden=4096, middle=14336, heads=32, keys=8, head=128),
}
"""Small ones, and those of Llama 3.2 1B and Llama 3.1 8B."""


def of_size(layers: int, hidden: int) -> Shape:
    """A shape with heads of 64 numbers, four times as wide in the middle."""
    heads = hidden // 64
    return Shape(layers=layers, hidden=hidden, middle=4 * hidden, heads=heads, keys=max(1, heads // 2), head=64)


def random_model(folder: Path, shape: Shape, vocabulary: int, *, width: float, device: str, dtype: str) -> Any:
    """A Qwen3-shaped model with normal weights (standard deviation ``width``); its configuration and tokenizer go to
    ``folder``, which loads it within :func:`held`."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config

    words = {"<pad>": 0, "<s>": 1, "</s>": 2, **{f"w{index}": index for index in range(3, vocabulary)}}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=POSITIONS
    ).save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.middle,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.keys,
        head_dim=shape.head,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=width,
        architectures=["Qwen3ForCausalLM"],
    )
    config.save_pretrained(folder)
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval()


@contextmanager
def held(folder: Path, model: Any) -> Iterator[None]:
    """Within it, loading ``folder`` gives the model: modules of its own, and the same weights unless another dtype is
    asked for."""
    import torch
    import transformers

    real = transformers.AutoModelForCausalLM.from_pretrained

    def given(*args: Any, **named: Any) -> Any:
        name = named.get("pretrained_model_name_or_path", args[0] if args else None)
        if str(name) != str(folder):
            return real(*args, **named)
        dtype = named.get("dtype") or named.get("torch_dtype") or model.dtype
        dtype = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        if dtype != model.dtype:
            return copy.deepcopy(model).to(dtype)
        return copy.deepcopy(model, memo={id(one): one for one in (*model.parameters(), *model.buffers())})

    with mock.patch.object(transformers.AutoModelForCausalLM, "from_pretrained", given):
        yield
