"""Settings: each declared once, read from layers, each value with its origin."""
