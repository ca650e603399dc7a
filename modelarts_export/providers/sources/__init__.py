"""The sources of credentials, one file each."""
