"""Where credentials come from, and the token for a password."""
