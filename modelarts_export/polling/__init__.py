"""Follow export tasks to their end, and say what the end means."""
