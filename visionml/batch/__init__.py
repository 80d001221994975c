"""A batch run: many images of a prefix, each of which becomes one row."""
