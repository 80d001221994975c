"""Artefact and holdout to a report, and the report through the gates."""
