"""A ModelArts on this machine: a second reading of the API facts that shares only the signature with ours."""
