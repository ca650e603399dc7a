"""The documented API of the sandbox, its datasets and its tasks."""
