"""Objects in memory."""

import json
from collections.abc import Iterator
from typing import Any

from visionml.errors import InvalidInput, NotFound


class MemoryObjects:
    """Stands for ``visionml.aws.s3.Objects``."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})

    def read_json(self, address: str) -> Any:
        if address not in self.objects:
            raise NotFound(f"There is no {address}.")
        try:
            return json.loads(self.objects[address])
        except ValueError as error:
            raise InvalidInput(f"{address} does not hold JSON.") from error

    def read_bytes(self, address: str) -> bytes:
        if address not in self.objects:
            raise NotFound(f"There is no {address}.")
        return self.objects[address]

    def write(self, address: str, content: bytes) -> None:
        self.objects[address] = content

    def exists(self, address: str) -> bool:
        return address in self.objects

    def keys(self, prefix: str) -> Iterator[str]:
        for address in sorted(self.objects):
            if address.startswith(prefix):
                yield address.removeprefix("s3://").partition("/")[2]

    def delete(self, address: str) -> None:
        self.objects.pop(address, None)
