"""Name -> metric, lazily imported. Built-ins stand in a table; third parties register under ``glotbench.metrics``.

An unknown name is an error with a did-you-mean, before anything is computed.
"""
