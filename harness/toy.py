"""A toy causal language model, made on the spot: bytes in, bytes out, trained for a minute on a few hundred sentences.

It exists so that the demo runs a real causal model through the real code without a download. It knows nothing, and is
labelled a toy wherever its name stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.store import content_hash
from harness.types import Progress

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

_RECIPE = {
    "version": 1,
    "hidden_size": 128,
    "layers": 3,
    "heads": 4,
    "intermediate_size": 352,
    "positions": 1024,
    "steps": 300,
    "rows": 16,
    "bytes": 192,
    "learning_rate": 3e-3,
    "seed": 20240,
}


def make_toy(texts: Sequence[str], cache: Path, progress: Progress) -> Path:
    """Folder of the toy model, trained on first use and kept under ``cache`` by the hash of recipe and text.

    Args:
        texts: Sentences to train on. cache: Where models are kept. progress: ``progress(label, done, total)``.
    """
    folder = cache / f"toy-byte-lm-{content_hash([_RECIPE, list(texts)])[:12]}"
    if (folder / "config.json").is_file():
        return folder
    tokenizer = byte_tokenizer()
    model = _trained(texts, tokenizer, progress)
    part = folder.with_name(folder.name + ".part")
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.replace(folder)
    return folder


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer with one token a UTF-8 byte, and ``<pad>``, ``<s>``, ``</s>``."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=_RECIPE["positions"],
    )


def _trained(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, progress: Progress) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    generator = torch.Generator().manual_seed(int(_RECIPE["seed"]))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=int(_RECIPE["hidden_size"]),
        num_hidden_layers=int(_RECIPE["layers"]),
        num_attention_heads=int(_RECIPE["heads"]),
        intermediate_size=int(_RECIPE["intermediate_size"]),
        max_position_embeddings=int(_RECIPE["positions"]),
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(_RECIPE["seed"]))
        model = LlamaForCausalLM(config)
    stream = torch.tensor([token for text in texts for token in [tokenizer.bos_token_id, *tokenizer.encode(text)]])
    steps = int(_RECIPE["steps"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RECIPE["learning_rate"], weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=_RECIPE["learning_rate"], total_steps=steps)
    model.train()
    for step in range(steps):
        progress("training the toy model", step, steps)
        batch = _random_rows(stream, generator)
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    progress("training the toy model", steps, steps)
    return model.eval()


def _random_rows(stream: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """``[rows, bytes]`` windows of the text at random places."""
    import torch

    width = int(_RECIPE["bytes"])
    starts = torch.randint(0, len(stream) - width, (int(_RECIPE["rows"]),), generator=generator)
    return torch.stack([stream[start : start + width] for start in starts.tolist()])
