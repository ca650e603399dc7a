"""Faults that are injected into the sandbox."""
