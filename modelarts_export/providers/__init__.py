"""Where credentials come from and in which order, the token for a password, and the project."""
