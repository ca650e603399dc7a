"""The values of options that need more than a parser."""
