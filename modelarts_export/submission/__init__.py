"""Create an export task exactly once."""
