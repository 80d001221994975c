"""Sessions, clients and thin adapters; the only room that catches botocore's errors."""
