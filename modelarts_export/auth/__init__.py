"""Credential types, SDK-HMAC-SHA256, and authentication of a prepared request."""
