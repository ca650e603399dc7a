"""Reading files and YAML strictly, with positions, for specs."""
