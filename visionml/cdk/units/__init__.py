"""One construct a module, its resources exposed as attributes."""
