"""``glotbench env``: environments of their own for packages that do not go together with ours."""

from __future__ import annotations

import click

from harness.commands.output import say


@click.group()
def env() -> None:
    """Environments for original implementations."""


@env.command("comet")
def env_comet() -> None:
    """Make the environment of unbabel-comet, for `comet:...,implementation=unbabel`. Prints its folder."""
    from metrics.comet.original import make_environment

    click.echo(make_environment(say))
