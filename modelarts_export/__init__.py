"""Create ModelArts dataset export tasks, once."""

__version__ = "0.1.0"
