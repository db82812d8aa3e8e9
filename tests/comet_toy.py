"""A small COMET checkpoint with random weights, made without the package: real code paths, no knowledge."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

LETTERS = "".join(map(chr, (*range(0x21, 0x7F), *range(0x1200, 0x1280), *range(0x600, 0x650), *range(0x1000, 0x1050))))
HIDDEN, LAYERS, HEAD = 32, 2, 8


def write_encoder(folder: Path) -> Path:
    """Configuration and tokenizer (a letter a token) of an XLM-R-like encoder."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import XLMRobertaConfig

    pieces = [
        ("<s>", 0.0),
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        *((letter, -1.0) for letter in "▁" + LETTERS),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    XLMRobertaConfig(
        vocab_size=len(pieces),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=130,
        type_vocab_size=1,
        pad_token_id=1,
        initializer_range=0.3,
    ).save_pretrained(folder)
    return folder


def write_checkpoint(folder: Path, encoder: Path, kind: str = "regression_metric", **settings: object) -> Path:
    """A folder in the layout of released checkpoints.

    Args:
        kind: Its ``class_identifier``. settings: Others that the checkpoint names.
    """
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel

    joint = kind in ("unified_metric", "xcomet_metric")
    inputs = HIDDEN * (1 if joint else 6 if kind == "regression_metric" else 4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        model = XLMRobertaModel(XLMRobertaConfig.from_pretrained(encoder), add_pooling_layer=False)
        weights = {f"encoder.model.{name}": weight for name, weight in model.state_dict().items()}
        weights["layerwise_attention.gamma"] = torch.ones(1)
        for number in range(LAYERS + 1):
            weights[f"layerwise_attention.scalar_parameters.{number}"] = torch.randn(1)
        for number, (wide, narrow) in ((0, (inputs, HEAD)), (3, (HEAD, 1))):
            weights[f"estimator.ff.{number}.weight"] = torch.randn(narrow, wide) / wide**0.5
            weights[f"estimator.ff.{number}.bias"] = torch.randn(narrow)
        weights["hidden2tag.weight"] = torch.randn(4, HIDDEN)
        weights["hidden2tag.bias"] = torch.zeros(4)
    named = {"encoder_model": "XLM-RoBERTa", "pretrained_model": str(encoder), "layer_transformation": "softmax"}
    given = {**named, "word_layer": 1, **settings}
    checkpoint = folder / "checkpoints" / "model.ckpt"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": weights, "hyper_parameters": given}, checkpoint)
    beside = {**json.loads(json.dumps(given)), "class_identifier": kind}
    (folder / "hparams.yaml").write_text(yaml.safe_dump(beside), encoding="utf-8")
    return folder
