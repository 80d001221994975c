"""What a workbench session offers, one subject per module: datasets, runs, models, API and more."""
