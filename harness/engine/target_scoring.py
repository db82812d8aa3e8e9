"""Log-probabilities of targets given sources, by encoder-decoder models. Token ids in, responses out.

A source that has several targets is encoded once a batch, whatever stands in it how often. Rows are padded on the right
and masked; the decoder reads labels after the token that starts every text, and the log-softmax is in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.source_rows import start_of
from harness.engine.windows import spaces_to_continuation
from harness.types import LogLikelihoodResponse

_LOGITS = 2**27  # numbers of a pass over targets: half a gigabyte in float32, which 256 thousand tokens soon fill


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One source and target as token ids.

    Attributes:
        source: What the encoder reads. labels: What the decoder is to write, from its first token on.
        given: How many labels at the beginning are told, not asked for (a language's code); they are not scored.
        tokens: How many of the labels are text.
    """

    source: tuple[int, ...]
    labels: tuple[int, ...]
    given: int
    tokens: int


class TargetScorer:
    """Scores targets.

    Args:
        model: A transformers encoder-decoder model, on its device. device: Where. padding: Id of the padding token.
        size: Most rows a pass. budget: Most padded tokens a pass, of sources and targets together.
    """

    def __init__(self, model: Any, device: str, *, padding: int, size: int, budget: int) -> None:
        self._model = model
        self._device = device
        self._padding = padding
        self._size = size
        self._budget = budget
        self._positions = max(1, _LOGITS // int(model.config.get_text_config().vocab_size))

    def plan(self, rows: Sequence[TargetRow]) -> list[list[int]]:
        """Positions of rows in batches; rows of one source stand together, long sources first."""
        order = sorted(
            range(len(rows)),
            key=lambda index: (-len(rows[index].source), rows[index].source, -len(rows[index].labels), index),
        )
        batches: list[list[int]] = []
        longest = 0
        for index in order:
            row = rows[index]
            batch = batches[-1] if batches else []
            longest = max(longest, len(row.labels))
            count = len(batch) + 1
            width = len(rows[batch[0]].source) + longest if batch else 0
            if batch and count <= self._size and count * width <= self._budget and count * longest <= self._positions:
                batch.append(index)
            else:
                batches.append([index])
                longest = len(row.labels)
        return batches

    def score(self, rows: Sequence[TargetRow]) -> list[LogLikelihoodResponse]:
        """Natural-log probabilities of one planned batch, in its order."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        sources = list(dict.fromkeys(row.source for row in rows))
        which = torch.tensor([sources.index(row.source) for row in rows], device=self._device)
        ids, mask = (tensor.to(self._device) for tensor in _padded(sources, self._padding))
        labels, told = (tensor.to(self._device) for tensor in _padded([row.labels for row in rows], -100))
        with torch.inference_mode():
            states = self._model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
            logits = self._model(
                encoder_outputs=BaseModelOutput(last_hidden_state=states[which]),
                attention_mask=mask[which],
                decoder_input_ids=self._shifted(labels),
                use_cache=False,
            ).logits.float()
            wanted = labels.clamp(min=0)
            found = logits.gather(2, wanted[..., None])[..., 0] - logits.logsumexp(dim=-1)
            likeliest = logits.argmax(dim=-1) == wanted
            for index, row in enumerate(rows):
                told[index, : row.given] = 0
            totals = (found.double() * told).sum(dim=1).tolist()
            greedy = (likeliest | (told == 0)).all(dim=1).tolist()
        return [
            LogLikelihoodResponse(logprob=total, is_greedy=flag, tokens=row.tokens)
            for row, total, flag in zip(rows, totals, greedy, strict=True)
        ]

    def _shifted(self, labels: Any) -> Any:
        """What the decoder reads to write labels ``[n, T]``: the token that starts every text, and all but the last."""
        import torch

        first = torch.full_like(labels[:, :1], start_of(self._model, self._padding))
        shifted = torch.cat([first, labels[:, :-1]], dim=1)
        return shifted.masked_fill(shifted < 0, self._padding)


def prompted_row(tokenizer: Any, context: str, continuation: str, max_length: int) -> TargetRow:
    """A prompt and its continuation, tokenized as lm-eval's HFLM does for encoder-decoder models.

    Spaces between the two belong to the continuation; a prompt that is too long loses its beginning; without a prompt
    the encoder reads the token before texts, and the continuation does not begin with it again.
    """
    context, continuation = spaces_to_continuation(context, continuation)
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    labels = tokenizer(continuation, add_special_tokens=False)["input_ids"]
    if context:
        written = tokenizer.decode(first)
        special = {"add_special_tokens": False} if written and context.startswith(written) else {}
        source = tokenizer(context, **special)["input_ids"][-max_length:]
    elif labels and labels[0] == first:
        source, labels = labels[:1], labels[1:]
    else:
        source = [first]
    return TargetRow(source=tuple(source), labels=tuple(labels), given=0, tokens=len(labels))


def _padded(rows: Sequence[Sequence[int]], filling: int) -> tuple[Any, Any]:
    """Rows as ``[n, longest]``, filled up on the right, and 1 where a row is and 0 where it is filled up."""
    import torch

    ids = torch.full((len(rows), max(map(len, rows))), filling, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(list(row), dtype=torch.long)
        mask[index, : len(row)] = 1
    return ids, mask
