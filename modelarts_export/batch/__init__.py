"""Many exports at once, and one report of them."""
