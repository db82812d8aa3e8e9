"""What a score *is*: metrics as objects, from batches of segments to additive statistics to scores.

Knows nothing of models, files, runs or pages; imports nothing else of glotbench.
"""
