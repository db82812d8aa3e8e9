"""A page a pair of models, and one of all pairs."""
