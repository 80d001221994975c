"""Architectures (the plug-in point), transforms, prediction, and artefacts with their record."""
