"""Accepted images to versioned manifests with leak-free splits, and to model-ready shards."""
