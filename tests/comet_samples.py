"""What COMET's parity is shown on: segments in many scripts, and a plan of small models of every class and encoder."""

from __future__ import annotations

from pathlib import Path

Sample = tuple[str, str, str]
"""Source, hypothesis, reference."""

LANGUAGES = (
    *("amh", "arb", "ben", "bod", "deu", "fas", "fra", "hau", "hin", "jpn"),
    *("khm", "kor", "mya", "rus", "tam", "tha", "urd", "zho-CN"),
)
"""Of NTREX-128: 14 scripts."""
SEGMENTS_OF_EACH = 28

OWN: list[Sample] = [
    ("Water is life. 💧", "ውሃ ሕይወት ነው።", "ውሃ ማለት ሕይወት ነው።"),
    ("The sky is blue.", "السماء زرقاء", "لون السماء أزرق."),
    ("Bread 🍞 and salt", "ပေါင်မုန့် နဲ့ ဆား", "ပေါင်မုန့်နှင့် ဆား"),
    ("Good morning!", "สวัสดีตอนเช้า", "อรุณสวัสดิ์"),
    ("It rained all day.", "一日中雨が降った。", "一日中雨でした。"),
    ("This is water.", "ߖߌ ߟߋ߬", "ߖߌ ߟߋ߬ ߣߌ߲߬ ߘߌ߫"),
    ("", "", ""),
    ("Something", "", "ነገር"),
    ("", "ብቻ", ""),
    ("same", "same", "same"),
    ("same", "same", "same"),
    ("  two  spaces\tand a tab ", " ሁለት  ቦታ ", "two \u00a0 spaces"),
    ("ﬁrst ① ½ e\u0301", "ｆｕｌｌ　ｗｉｄｔｈ", "ﷺ e\u0301 Å"),
    ("special </s> words <pad> in <s> the text", "<pad> and <mask> </s>", "<unk> <pad>"),
    ("word " * 700, "ቃል " * 650, "слово " * 900),
    ("short", "ቃል " * 650, "kurz"),
]
"""Empty, equal, over-long, not normalised, and with a tokenizer's own words in the text."""

_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 258,
    "initializer_range": 0.3,
    "vocab_size": 2000,
}
ENCODERS = {
    "xlm-r": {"kind": "XLM-RoBERTa", "sizes": _SMALL},
    "xlm-roberta-base": {"kind": "XLM-RoBERTa", "sizes": _SMALL},
    "xlm-r-xl": {"kind": "XLM-RoBERTa-XL", "sizes": {**_SMALL, "initializer_range": 0.1}},
    "minilm": {"kind": "MiniLM", "sizes": _SMALL},
    "bert": {"kind": "BERT", "sizes": {**_SMALL, "max_position_embeddings": 256}},
    "rembert": {"kind": "RemBERT", "sizes": {**_SMALL, "max_position_embeddings": 256, "input_embedding_size": 32}},
}

_HEAD = {"hidden_sizes": [24, 12]}
_PATCHED = {"layer_transformation": "sparsemax_patch"}
MODELS = {
    "wmt22-comet-da": {
        "class": "RegressionMetric",
        "options": {"layer_transformation": "sparsemax", "layer_norm": False, **_HEAD},
        "beside": _PATCHED,
    },
    "wmt20-comet-da": {
        "class": "RegressionMetric",
        "options": {"layer_transformation": "softmax", "layer_norm": True, **_HEAD},
    },
    "wmt20-comet-qe-da": {
        "class": "ReferencelessRegression",
        "options": {"layer_transformation": "sparsemax", "layer_norm": True, **_HEAD},
    },
    "wmt22-cometkiwi-da": {
        "class": "UnifiedMetric",
        "options": {
            "sent_layer": "mix",
            "layer_transformation": "sparsemax",
            "layer_norm": True,
            "input_segments": ["mt", "src"],
            "word_level_training": True,
            "word_layer": 1,
            "error_labels": ["minor", "major"],
            **_HEAD,
        },
        "beside": _PATCHED,
    },
    "unite-mup": {
        "class": "UnifiedMetric",
        "options": {
            "sent_layer": "mix",
            "layer_transformation": "sparsemax",
            "layer_norm": False,
            "input_segments": ["mt", "src", "ref"],
            "word_level_training": False,
            **_HEAD,
        },
    },
    "xcomet": {
        "class": "XCOMETMetric",
        "options": {
            "encoder_model": "XLM-RoBERTa",
            "sent_layer": "mix",
            "layer_transformation": "sparsemax",
            "layer_norm": False,
            "word_layer": 1,
            **_HEAD,
        },
        "beside": _PATCHED,
    },
}
"""Every class as it is published, on all samples."""

FEW = 40
OTHER_MODELS = {
    "one-layer": {
        "class": "RegressionMetric",
        "options": {"layer": 2, "pool": "max", "hidden_sizes": [16], "final_activation": "Sigmoid"},
    },
    "first-token": {"class": "RegressionMetric", "options": {"pool": "cls", "layer_norm": True, **_HEAD}},
    "only-references": {
        "class": "UnifiedMetric",
        "options": {"sent_layer": 3, "input_segments": ["mt", "ref"], **_HEAD},
    },
    "xcomet-xl": {
        "class": "XCOMETMetric",
        "encoder": "xlm-r-xl",
        "options": {"encoder_model": "XLM-RoBERTa-XL", "word_layer": 1, **_HEAD},
    },
    "minilm-regression": {
        "class": "RegressionMetric",
        "encoder": "minilm",
        "options": {"encoder_model": "MiniLM", "activations": "Sigmoid", **_HEAD},
    },
    "bert-unified": {
        "class": "UnifiedMetric",
        "encoder": "bert",
        "options": {"encoder_model": "BERT", "input_segments": ["mt", "src", "ref"], **_HEAD},
    },
    "rembert-unified": {
        "class": "UnifiedMetric",
        "encoder": "rembert",
        "options": {"encoder_model": "RemBERT", "input_segments": ["mt", "src", "ref"], **_HEAD},
    },
}
"""The other kinds of encoder, pooling and input, on the first few samples, which hold all of ours."""


def encoder_of(name: str) -> str:
    """The encoder of a model."""
    return str({**MODELS, **OTHER_MODELS}[name].get("encoder", "xlm-r"))


def plan(samples: list[Sample]) -> dict[str, object]:
    """What ``comet_checkpoints.py`` is asked for."""
    models = {
        name: {"encoder": "xlm-r", "samples": samples_of, **model}
        for found, samples_of in ((MODELS, len(samples)), (OTHER_MODELS, FEW))
        for name, model in found.items()
    }
    return {
        "texts": [text for sample in samples for text in sample],
        "encoders": ENCODERS,
        "models": models,
        "samples": [{"src": source, "mt": hypothesis, "ref": reference} for source, hypothesis, reference in samples],
    }


def real_samples(shared: Path) -> list[Sample]:
    """Sentences of NTREX-128; every other one has its neighbour in the same language as a bad translation."""
    folder = shared / "ntrex128"
    source = (folder / "newstest2019-src.eng.txt").read_text(encoding="utf-8").split("\n")
    found = []
    for number, code in enumerate(LANGUAGES):
        lines = (folder / f"newstest2019-ref.{code}.txt").read_text(encoding="utf-8").split("\n")
        for index in range(number * SEGMENTS_OF_EACH, (number + 1) * SEGMENTS_OF_EACH):
            found.append((source[index], lines[index + index % 2], lines[index]))
    return found
