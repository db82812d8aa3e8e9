"""``glotbench cache``: what is kept between runs, and deleting it."""

from __future__ import annotations

import click

from harness.commands.output import CACHE_LIMIT, embedding_cache, print_table, tell


@click.group()
def cache() -> None:
    """Show or clear the sentence embeddings that are kept between runs."""


@cache.command("info")
@CACHE_LIMIT
def cache_info(cache_limit: str) -> None:
    """What the cache holds, by model, and where it is."""
    from datetime import datetime

    kept = embedding_cache(cache_limit)
    spaces = kept.contents()
    rows = [
        [
            space.model,
            str(space.width),
            str(space.vectors),
            f"{space.size / 1e6:.1f}",
            datetime.fromtimestamp(space.used).astimezone().isoformat(" ", "minutes"),
        ]
        for space in spaces
    ]
    if rows:
        print_table(["model", "dimensions", "embeddings", "MB", "last used"], rows, right=(1, 2, 3))
    tell(f"{sum(space.size for space in spaces) / 1e6:.1f} MB of at most {kept.limit / 1e6:.0f} MB in {kept.folder}")


@cache.command("clear")
def cache_clear() -> None:
    """Delete every embedding that is kept; results folders are not touched."""
    kept = embedding_cache("0")
    tell(f"{kept.clear() / 1e6:.1f} MB deleted: {kept.folder}")
