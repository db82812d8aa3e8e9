"""Pages of the texts behind a score."""
