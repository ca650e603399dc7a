"""What is asked for: every request field declared once, and the one validation."""
