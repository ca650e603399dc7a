"""Spec files: loading, interpolation, a template and a JSON Schema."""
