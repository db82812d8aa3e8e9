"""``python -m harness`` is ``glotbench``."""

from harness.cli import main

main()
