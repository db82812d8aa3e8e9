"""Pages of one model over its runs, of what changed, and the feed of that."""
