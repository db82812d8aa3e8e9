"""States of every layer, pooled while the model runs: as the definition says, sentence by sentence, on many models."""

from __future__ import annotations

from typing import Any

import pytest

from harness.engine.pooling import LayerPooler, pool
from harness.types import Pooling

POOLINGS: tuple[Pooling, ...] = ("weighted", "lasttoken", "mean")
SIZES = {
    "vocab_size": 90,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}
PAIR = {
    "vocab_size": 90,
    "d_model": 32,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
}
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Llama": ("LlamaModel", "LlamaConfig", GROUPED),
    "Qwen3": ("Qwen3Model", "Qwen3Config", {**GROUPED, "head_dim": 8}),
    "Gemma 3": ("Gemma3TextModel", "Gemma3TextConfig", {**GROUPED, "head_dim": 8, "sliding_window": 4}),
    "BLOOM": ("BloomModel", "BloomConfig", {"vocab_size": 90, "hidden_size": 32, "n_layer": 3, "n_head": 4}),
    "XLM-R": ("XLMRobertaModel", "XLMRobertaConfig", {**SIZES, "pad_token_id": 1}),
    "BERT": ("BertModel", "BertConfig", SIZES),
    "NLLB's encoder": ("M2M100Model", "M2M100Config", PAIR),
    "mT5's encoder": (
        "MT5EncoderModel",
        "MT5Config",
        {"vocab_size": 90, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 3, "num_heads": 4},
    ),
}
SENTENCES = [[5, 9, 33, 7], [8, 61, 4, 4, 17, 22, 71, 30, 11], [12], [40, 2 + 3, 19, 60, 21]]


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Any:
    import torch
    import transformers

    name, config, options = MODELS[request.param]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        made = getattr(transformers, name)(getattr(transformers, config)(**options)).eval()
    return made.get_encoder() if "encoder" in request.param else made


def padded(sentences: list[list[int]], width: int) -> dict[str, Any]:
    import torch

    ids = [sentence + [1] * (width - len(sentence)) for sentence in sentences]
    mask = [[1] * len(sentence) + [0] * (width - len(sentence)) for sentence in sentences]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def naive(model: Any, sentence: list[int]) -> Any:
    """The definition, one sentence a pass: ``[poolings, layers + 1, d]``."""
    import torch

    with torch.inference_mode():
        states = model(**padded([sentence], len(sentence)), output_hidden_states=True).hidden_states
    weights = torch.arange(1, len(sentence) + 1).float()
    layers = [layer[0].double() for layer in states]
    by_pooling = [
        [(layer * (weights / weights.sum())[:, None]).sum(0) for layer in layers],
        [layer[-1] for layer in layers],
        [layer.mean(0) for layer in layers],
    ]
    return torch.stack([torch.stack(part) for part in by_pooling])


def test_every_layer_equals_the_definition_in_padded_batches(model: Any, caplog: pytest.LogCaptureFixture) -> None:
    import torch

    pooler = LayerPooler(model, "m")
    found = pooler(padded(SENTENCES, 12), POOLINGS)
    expected = torch.stack([naive(model, sentence) for sentence in SENTENCES])
    assert found.shape == (4, 3, 4, 32)
    assert torch.allclose(found.double(), expected, atol=2e-5)
    assert not caplog.text
    alone = torch.cat([pooler(padded([sentence], len(sentence)), POOLINGS) for sentence in SENTENCES])
    assert torch.allclose(found, alone, atol=2e-5)


def test_no_layer_is_held_after_it_was_pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is never asked for all its states, except for the two rows of the comparison."""
    import torch
    import transformers

    made = transformers.LlamaModel(transformers.LlamaConfig(**GROUPED)).eval()
    asked: list[int] = []
    forward = made.forward

    def counted(*arguments: Any, **named: Any) -> Any:
        if named.get("output_hidden_states"):
            asked.append(len(named["input_ids"]))
        return forward(*arguments, **named)

    monkeypatch.setattr(made, "forward", counted)
    pooler = LayerPooler(made, "m")
    for _ in range(3):
        pooler(padded(SENTENCES, 12), POOLINGS)
    assert asked == [2]
    assert all(not layer._forward_pre_hooks for layer in made.layers)
    assert torch.is_grad_enabled()


def test_a_model_whose_layers_say_something_else_is_read_whole(caplog: pytest.LogCaptureFixture) -> None:
    import torch
    import transformers

    made = transformers.LlamaModel(transformers.LlamaConfig(**GROUPED)).eval()
    pooler = LayerPooler(made, "በቅሎ")
    pooler._layers = list(made.layers)[:2]  # as if what looks like the list of layers were another one
    found = pooler(padded(SENTENCES, 12), POOLINGS)
    with torch.inference_mode():
        inputs = padded(SENTENCES, 12)
        expected = pool(made(**inputs, output_hidden_states=True).hidden_states, inputs["attention_mask"], POOLINGS)
    assert torch.allclose(found, expected, atol=1e-6)
    assert "በቅሎ: its layers cannot be read one by one" in caplog.text
