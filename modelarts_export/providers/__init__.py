"""Where credentials come from, and the token that a password buys."""
