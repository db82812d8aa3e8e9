"""A page a language, and one of all languages."""
