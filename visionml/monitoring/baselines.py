"""Baselines in the models bucket: an ``.npz`` of arrays, never a pickle, and its facts.

The JSON beside it is for people; what is read is the file of arrays.
"""

from typing import Protocol

from visionml.contracts.layout import baseline as key_of
from visionml.errors import InvalidInput
from visionml.monitoring.baseline import Baseline, loads

_ARRAYS, _FACTS = ".npz", ".json"


class Store(Protocol):
    """Objects by ``s3://`` URI: ``visionml.aws.s3.Objects``."""

    def read_bytes(self, address: str) -> bytes:
        """Return an object's bytes."""

    def exists(self, address: str) -> bool:
        """Say whether an object exists."""

    def write(self, address: str, content: bytes, *, content_type: str = ...) -> None:
        """Write an object."""


class Baselines:
    """Writes and reads them by the version whose answers they are compared with."""

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket

    def write(self, version: str, baseline: Baseline) -> None:
        """Write a version's baseline."""
        facts = baseline.facts.model_dump_json(indent=2).encode()
        self._put(version, _FACTS, facts, "application/json")
        self._put(version, _ARRAYS, baseline.dumps(), "application/octet-stream")

    def find(self, version: str) -> Baseline | None:
        """Return a version's baseline; None where there is none, or one of another schema."""
        address = self._address(version, _ARRAYS)
        if not self._store.exists(address):
            return None
        try:
            return loads(self._store.read_bytes(address))
        except InvalidInput:
            return None

    def _put(self, version: str, ending: str, content: bytes, content_type: str) -> None:
        self._store.write(self._address(version, ending), content, content_type=content_type)

    def _address(self, version: str, ending: str) -> str:
        return f"s3://{self._bucket}/{key_of(version, ending)}"
