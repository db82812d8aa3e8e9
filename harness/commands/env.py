"""``glotbench env``: environments of their own for packages that do not go together with ours."""

from __future__ import annotations

import click

from harness.commands.output import emit, say


@click.group()
def env() -> None:
    """Environments for original implementations."""


@env.command("comet")
@click.option("--python", default="", help="Interpreter to make it with, 3.11 or 3.12; by default this one.")
def env_comet(python: str) -> None:
    """Make the environment of unbabel-comet, for comet:MODEL,implementation=unbabel. Prints its folder.

    It is made once, in the user's cache, or in the folder that GLOTBENCH_COMET_ENV names; pip's own settings say where
    packages come from (PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu takes torch without CUDA).
    """
    from metrics.comet.environment import make_environment

    emit(make_environment(say, python), nl=True)
