"""What the user gave, as values."""
