"""Drift of what a model is asked and answers, told from numbers alone; performance by truths."""
