"""Shards to an artefact: one readable training loop with checkpoints, run as a SageMaker job."""
