"""The request of an export task: its fields, each declared once, and its validation."""
