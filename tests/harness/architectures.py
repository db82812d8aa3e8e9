"""Small random causal models of many architectures, for tests of what the engine makes of them."""

from __future__ import annotations

from functools import cache
from typing import Any

VOCABULARY = 120
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}
SLIDING = {**GROUPED, "head_dim": 8, "sliding_window": 12}
GPT = {
    "vocab_size": VOCABULARY,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,  # with the same weights before and behind, random models repeat what they read
}

ARCHITECTURES: dict[str, tuple[dict[str, Any], str]] = {
    "Llama": (GROUPED, "packed"),
    "Qwen3": ({**GROUPED, "head_dim": 8}, "packed"),
    "Qwen3Moe": (
        {**GROUPED, "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32},
        "packed",
    ),
    "Cohere": (GROUPED, "packed"),
    "Olmo": (SIZES, "packed"),
    "Olmo2": (SIZES, "packed"),
    "GPTNeoX": (SIZES, "packed"),
    "Phi3": (GROUPED, "packed"),
    "GPT2": ({**GPT, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 256}, "packed"),
    "Bloom": ({**GPT, "hidden_size": 32, "n_layer": 3, "n_head": 4}, "masked"),
    "XGLM": (
        {**GPT, "d_model": 32, "ffn_dim": 64, "num_layers": 3, "attention_heads": 4, "max_position_embeddings": 256},
        "packed",
    ),
    "OPT": (
        {
            **GPT,
            "hidden_size": 32,
            "word_embed_proj_dim": 32,
            "ffn_dim": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "max_position_embeddings": 256,
        },
        "packed",
    ),
    "Mistral": ({**GROUPED, "sliding_window": 12}, "windowed"),
    "Gemma2": (SLIDING, "windowed"),
    "Gemma3": (SLIDING, "windowed"),
    "Cohere2": ({**GROUPED, "sliding_window": 12}, "windowed"),
    "GptOss": ({**SLIDING, "num_local_experts": 4, "num_experts_per_tok": 2}, "windowed"),
    "Mpt": ({**GPT, "d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 256}, "aligned"),
    "Mamba": ({**GPT, "hidden_size": 32, "num_hidden_layers": 2}, "none"),
    "FalconH1": (
        {**GROUPED, "mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8},
        "none",
    ),
}
"""Architecture -> its configuration, and how much its rows may share when they are scored."""

CONFIGS = {"Gemma3": "Gemma3TextConfig"}
HEADS = {"GPT2": "GPT2LMHeadModel"}


@cache
def small_model(name: str, vocabulary: int = VOCABULARY) -> Any:
    """A model of an architecture, made once; what a position sees matters to it."""
    import torch
    import transformers

    sizes = {**ARCHITECTURES[name][0], "vocab_size": vocabulary}
    config = getattr(transformers, CONFIGS.get(name, f"{name}Config"))(**sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = getattr(transformers, HEADS.get(name, f"{name}ForCausalLM"))(config).eval()
        for parameter in made.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.15)
    return made
