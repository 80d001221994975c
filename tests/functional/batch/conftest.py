"""The fixtures of all Batch tests."""

from tests.functional.batch.world import world

__all__ = ["world"]
