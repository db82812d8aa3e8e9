"""From run records to a folder of static pages that opens by double click.

``tables`` ranks, ``figures`` draws, ``segments`` reads the texts behind a score, ``exports`` writes CSV and JSON, and
``site`` renders the pages. Sees records, the run folder (for reading), languages and statistics; runs nothing.
"""
