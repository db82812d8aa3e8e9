"""The command line. Only here and in ``harness.commands`` is anything printed. The environment is read here and there,
and by engines that live with other processes: a server's key, the ranks of ``torchrun``.

Data goes to standard output, progress and remarks to standard error. Exit codes: 0 done, 1 regression, 2 mistake of the
user, 3 inconclusive (strict gate), 4 baseline missing or not comparable, 5 run incomplete, 70 our bug. Everything heavy
is imported by the command that needs it.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback

import click

from harness import __version__
from harness.commands.cache import cache
from harness.commands.compare import compare
from harness.commands.data import data
from harness.commands.demo import demo
from harness.commands.diagnose import diagnose
from harness.commands.env import env
from harness.commands.export import doctor, export
from harness.commands.gate import gate
from harness.commands.imports import import_
from harness.commands.leaderboard import leaderboard
from harness.commands.mbr import mbr
from harness.commands.output import without_secrets
from harness.commands.report import report
from harness.commands.run import run
from harness.commands.score import score
from harness.commands.tasks import tasks
from harness.markup import plain_lines, told

_OF_PATHS = (errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EPERM)
"""Errors of the system that say that a path which was named will not do."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="glotbench")
def cli() -> None:
    """How well does a model work in every language, how sure are we, and did it get worse?"""


for _command in (
    run,
    score,
    mbr,
    report,
    compare,
    diagnose,
    gate,
    leaderboard,
    tasks,
    data,
    cache,
    export,
    import_,
    doctor,
    demo,
    env,
):
    cli.add_command(_command)


def main() -> None:
    """Entry point: runs a command and turns errors into one clear message and an exit code."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_PlainFormatter())
    from harness.errors import GlotbenchError

    try:
        code = cli(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped; the same command goes on where this one ended", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except GlotbenchError as error:
        click.echo(without_secrets(f"error: {told(error)}"), err=True)
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _unexpected(error)
    sys.exit(code)


class _PlainFormatter(logging.Formatter):
    """Warnings as they are, but for what would do something to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return plain_lines(super().format(record))


def _unexpected(error: Exception) -> int:
    """Explain what is none of the harness' own errors: a metric's mistake, or our bug."""
    from metrics.base import MetricError  # here, because it brings NumPy, which most commands do without

    if isinstance(error, MetricError):
        click.echo(without_secrets(f"error: {told(error)}"), err=True)
        return 2
    if isinstance(error, OSError) and error.errno in _OF_PATHS and error.filename is not None:
        line = f"error: {str(error.filename)[:500]}: {error.strerror}; check the path"
        click.echo(without_secrets(plain_lines(line)), err=True)
        return 2
    click.echo(without_secrets(plain_lines(traceback.format_exc())), err=True, nl=False)
    click.echo("error: this is a bug in glotbench; please report it with the lines above", err=True)
    return 70
