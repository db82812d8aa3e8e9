"""Results of other programs read, and ours written for them; a module a format and direction."""
