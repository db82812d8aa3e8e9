"""From run records to a folder of static pages that opens by double click.

The numbers are those of ``glotbench report``: ``harness.boards`` puts scores side by side, ``harness.evidence`` and
``harness.ranks`` order the models, ``harness.groups`` restricts that to kinds of languages, ``harness.prompt_spread``
compares prompts. Here they become pages, from the bottom up:

- ``building`` writes files, ``markup`` makes words safe, ``drawing`` draws;
- ``views`` says in words what a task's scores are, with their templates and data files;
- ``data`` reads the runs of a site;
- ``overview``, ``tasks``, ``models``, ``languages``, ``compare``, ``segments``, ``trend`` and ``alignment`` make one
  kind of page each: a module ``*_pages`` (or that of the room's name) says what is written, ``*_view`` what stands
  there;
- ``site`` wires them, ``front_page`` leads to several sites.

Sees records, the run folder (for reading), languages and statistics; runs nothing.
"""
