"""From run records to a folder of static pages that opens by double click.

``tables`` puts scores side by side, ``evidence`` and ``ranks`` order the models, ``groups`` restricts that to kinds of
languages, the ``*view*`` modules and ``standings`` say it in words and ``figures``, ``segments`` reads the texts behind
a score, ``exports`` writes CSV and JSON, ``paging`` bounds what stands on a page, and ``site`` renders the pages. Sees
records, the run folder (for reading), languages and statistics; runs nothing.
"""
