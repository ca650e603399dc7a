"""Strict readers of files and YAML, which report the position of each problem."""
