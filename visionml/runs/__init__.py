"""Runs the notebooks in order and leaves ``runs/<UTC>/``: notebooks, pages, figures, summary."""
