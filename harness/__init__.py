"""glotbench: how well does this model work in every language, how sure are we, and did it get worse?"""

__version__ = "0.1.0"
