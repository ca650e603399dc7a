"""What the command `doctor` needs: its subject, hints with flags, and the report as text."""
