"""From run records to a folder of static pages that opens by double click.

The numbers are those of ``glotbench report``: ``harness.boards`` puts scores side by side, ``harness.evidence`` and
``harness.ranks`` order the models, ``harness.groups`` restricts that to kinds of languages, ``harness.prompt_spread``
compares prompts. Here the ``*view*`` modules and ``standings`` say it in words and ``figures``, ``segments`` reads the
texts behind a score, ``exports`` writes CSV and JSON, ``paging`` bounds what stands on a page, and ``site`` renders the
pages. Sees records, the run folder (for reading), languages and statistics; runs nothing.
"""
