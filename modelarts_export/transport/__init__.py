"""One HTTP session: deadlines, whether a request was sent, errors, retries and traces."""
