"""A reader that is fuzzed: its real inputs, how they are made wrong, and the reader itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz.mutation import Mutator


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One reader.

    Attributes:
        inputs: Real inputs. mutate: How they are made wrong.
        use: Reads one input; it may raise errors of ours alone.
        share: How many inputs it gets for one of a usual target.
        longest: Seconds of the processor that one input may take; more than one where a real input takes most of it.
    """

    name: str
    inputs: Sequence[bytes]
    mutate: Mutator
    use: Callable[[bytes], object]
    share: float = 1.0
    longest: float = 1.0

    def made(self, random: Random) -> bytes:
        """One input."""
        return self.mutate(random, self.inputs)


def of_file(
    name: str,
    file: Path,
    inputs: Sequence[bytes],
    mutate: Mutator,
    read: Callable[[Path], object],
    share: float = 1.0,
    longest: float = 1.0,
) -> Target:
    """A target whose reader is given a file."""

    def use(content: bytes) -> object:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return read(file)

    return Target(name=name, inputs=inputs, mutate=mutate, use=use, share=share, longest=longest)
