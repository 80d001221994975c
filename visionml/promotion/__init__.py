"""Puts a registered version into production, and proves what came of it."""
