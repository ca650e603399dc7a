"""A local emulator of the API, written from API.md; it shares only the signature with the client."""
