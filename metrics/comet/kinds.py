"""The kinds of encoder that unbabel-comet 2.2.7 knows, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderKind:
    """One kind of encoder.

    Attributes:
        config, model: Names of transformers' classes.
        pooler: Whether the model is built with a pooling layer, which no score uses.
        start, end, pad: Special tokens: before a text, after it, and filling.
        separators: Tokens between two texts of one input.
        token_types: Whether the model is told which text of an input a token is of.
        tokenizer: Hub name of the tokenizer where it is not that of the pretrained model.
    """

    config: str
    model: str
    pooler: bool = False
    start: str = "<s>"
    end: str = "</s>"
    pad: str = "<pad>"
    separators: int = 2
    token_types: bool = False
    tokenizer: str = ""


KINDS: Mapping[str, EncoderKind] = {
    "XLM-RoBERTa": EncoderKind(config="XLMRobertaConfig", model="XLMRobertaModel"),
    "XLM-RoBERTa-XL": EncoderKind(config="XLMRobertaXLConfig", model="XLMRobertaXLModel"),
    "MiniLM": EncoderKind(config="BertConfig", model="BertModel", pooler=True, tokenizer="xlm-roberta-base"),
    "BERT": EncoderKind(
        config="BertConfig",
        model="BertModel",
        start="[CLS]",
        end="[SEP]",
        pad="[PAD]",
        separators=1,
        token_types=True,
    ),
    # The package makes token types for RemBERT's joint inputs too, and then does not give them to the model.
    "RemBERT": EncoderKind(
        config="RemBertConfig",
        model="RemBertModel",
        pooler=True,
        start="[CLS]",
        end="[SEP]",
        pad="[PAD]",
        separators=1,
    ),
}
