"""How files come to be: jobs in several processes, a folder that changes where it must, sizes. Knows no score."""
