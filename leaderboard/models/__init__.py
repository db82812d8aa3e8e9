"""A page a model."""
