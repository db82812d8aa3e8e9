"""Backends that answer requests, behind one small protocol. See ``base.py``; ``models.py`` makes one by name."""
