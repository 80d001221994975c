"""The command line: ``visionml ...``."""
