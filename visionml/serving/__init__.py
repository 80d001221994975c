"""The container's HTTP server, what the API's Lambda asks of it, and the caller's client."""
