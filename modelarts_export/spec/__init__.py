"""Spec files: interpolation, many documents read together, and what helps to write one."""
