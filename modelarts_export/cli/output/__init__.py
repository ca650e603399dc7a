"""Results on stdout and messages on stderr."""
