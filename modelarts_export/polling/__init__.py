"""Follow export tasks to their end, and derive the outcome."""
