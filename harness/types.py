"""The values that travel between stages: documents, requests and responses.

Frozen, picklable, without behaviour. The union of requests is closed: an engine that handles the kinds below handles
everything. Knows nothing of tasks, models or files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Pooling = Literal["weighted", "lasttoken", "mean"]
"""How token states become one sentence vector; see ``metrics.alignment`` for the definitions."""

Progress = Callable[[str, int, int], None]
"""Is told what goes on, how much of it is done, and of how much."""

Side = Literal["", "query", "passage"]
"""What a text is in a search: what is asked, or what is found; empty where two texts are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One item of a data set in one language (or direction).

    Attributes:
        id: Unique within its language; *the same id in two languages is the same item*.
        cluster: What the item must be kept together with when uncertainty is computed (a text document, a passage, or
            just the item itself).
        fields: The columns of the data set, as read.
    """

    id: str
    cluster: str
    fields: Mapping[str, object]


class Chat(Protocol):
    """How a model wants a conversation written; a model without one is given plain text.

    Attributes:
        name: Stands for the template and its settings in the hash of a prompt.
        system: What is said before everything else; may be empty.
        multiturn: Whether few-shot examples are turns of their own, or one turn with everything.
    """

    name: str
    system: str
    multiturn: bool

    def render(self, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        """Text of messages with ``role`` and ``content``.

        Args:
            add_generation_prompt: Whether the answer begins after the text; otherwise the last message is continued.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLikelihood:
    """Natural-log probability of ``continuation`` after ``context``, both text.

    Attributes:
        direction: Canonical codes of both languages where the context is a bare source and the continuation a whole
            translation of it; ``None`` for a prompt and what continues it.
    """

    context: str
    continuation: str
    language: str = ""
    direction: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingLogLikelihood:
    """Natural-log probability of a whole text, in windows where it is longer than the model."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """How good ``completion`` is as an answer to ``prompt``: a reward model's scalar, or a log-probability.

    Attributes:
        prompt: What the user said, bare; a reward model writes the conversation in its own template.
        completion: The answer.
        context: What a language model reads before the answer; its score is the log-probability of ``completion``.
    """

    prompt: str
    completion: str
    context: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """How good a translation is, where the system under test is itself a metric.

    Attributes:
        hypothesis: The translation. source: What it translates. references: Translations by people; may be none.
        target_language: Canonical code of the translation's language, which may change how a metric reads it.
    """

    hypothesis: str
    source: str
    references: tuple[str, ...] = ()
    target_language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """Text that follows ``prompt``.

    Attributes:
        prompt: What a language model is given.
        until: Strings that end the answer; they are not part of it.
        max_tokens: Most new tokens.
        temperature: 0 for the likeliest token each time; above 0 logits are divided by it and a token is drawn.
        top_p: Draw from the fewest likeliest tokens that have this probability together, in (0, 1]. top_k: Draw from
            so many likeliest tokens; 0 for all. seed: Of the random numbers. sample: Which of several answers to the
            same prompt this is, from 0.
        source: The bare source segment, for translation systems that take no prompt.
        source_language, target_language: Languages of the two sides, as canonical codes; empty if not translation.
        locator: Where a file of finished hypotheses has this answer: names usable in a path pattern, and ``line``
            (0-based) within the file, which must have ``lines`` lines.
    """

    prompt: str
    until: tuple[str, ...] = ()
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    sample: int = 0
    source: str | None = None
    source_language: str = ""
    target_language: str = ""
    locator: tuple[tuple[str, str], ...] = ()
    line: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """Vectors of one text: the model's sentence embedding, or pooled hidden states of every layer.

    Attributes:
        text: The text.
        pooling: Empty for the model's own final embedding; else the poolings wanted of every layer's hidden states.
        side: What the text is in a search. instruction: What the task tells models that take instructions to do with
            it. Both decide the prompt that a final embedding is made with; hidden states are of the bare text.
    """

    text: str
    pooling: tuple[Pooling, ...] = ()
    language: str = ""
    side: Side = ""
    instruction: str = ""


Request = LogLikelihood | RollingLogLikelihood | Preference | Judge | Generate | Embed


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLikelihoodResponse:
    """Sum of token log-probabilities.

    Attributes:
        logprob: Natural logarithm. is_greedy: Whether every token was the model's first choice.
        tokens: How many tokens were summed over, without special ones; ``None`` where the backend does not say.
    """

    logprob: float
    is_greedy: bool = False
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardResponse:
    """A reward model's scalar, or a metric's score; only its order among answers to one prompt means anything."""

    reward: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateResponse:
    """The text, without stop strings.

    Attributes:
        reasoning: What stood before it and was taken off by the model's declared rule, white space and end mark
            included; empty where there is no rule or the rule found no end.
    """

    text: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedResponse:
    """float32 vectors: ``[d]`` for a final embedding, ``[len(pooling), layers + 1, d]`` for hidden states."""

    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A request without an answer. It stays in the record and counts against coverage; it is never zero."""

    reason: str


Response = LogLikelihoodResponse | RewardResponse | GenerateResponse | EmbedResponse | Failed
