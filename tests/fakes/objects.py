"""Objects in memory."""

import json
from collections.abc import Callable, Iterator
from hashlib import md5
from typing import Any

from visionml.aws.s3 import Fetched, Listed
from visionml.errors import Conflict, InvalidInput, NotFound


class MemoryObjects:
    """Stands for ``visionml.aws.s3.Objects``."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})
        self.step: Callable[[str, str], None] = lambda _what, _address: None
        """Called before each call to one object, with what it is; what it raises, the call does."""

    def read_json(self, address: str) -> Any:
        if address not in self.objects:
            raise NotFound(f"There is no {address}.")
        try:
            return json.loads(self.objects[address])
        except ValueError as error:
            raise InvalidInput(f"{address} does not hold JSON.") from error

    def read_bytes(self, address: str) -> bytes:
        self.step("read", address)
        if address not in self.objects:
            raise NotFound(f"There is no {address}.")
        return self.objects[address]

    def read_tagged(self, address: str) -> tuple[bytes, str]:
        content = self.read_bytes(address)
        return content, etag_of(content)

    def write(
        self, address: str, content: bytes | str, *, content_type: str = "", new: bool = False
    ) -> None:
        self.step("write", address)
        if new and address in self.objects:
            raise Conflict(f"There is {address} already.")
        self.objects[address] = content.encode() if isinstance(content, str) else content

    def replace(self, address: str, content: bytes, *, etag: str) -> None:
        if self.read_tagged(address)[1] != etag:
            raise Conflict(f"{address} is another one by now.")
        self.write(address, content)

    def exists(self, address: str) -> bool:
        return address in self.objects

    def keys(self, prefix: str) -> Iterator[str]:
        for address in sorted(self.objects):
            if address.startswith(prefix):
                yield address.removeprefix("s3://").partition("/")[2]

    def listing(self, prefix: str) -> Iterator[Listed]:
        bucket = prefix.removeprefix("s3://").partition("/")[0]
        for key in self.keys(prefix):
            content = self.objects[f"s3://{bucket}/{key}"]
            yield Listed(key, etag_of(content), len(content))

    def folders(self, prefix: str) -> Iterator[str]:
        start = prefix.removeprefix("s3://").partition("/")[2]
        below = (key.removeprefix(start) for key in self.keys(prefix))
        yield from sorted({f"{start}{key.partition('/')[0]}/" for key in below if "/" in key})

    def delete(self, address: str) -> None:
        self.step("delete", address)
        self.objects.pop(address, None)


def etag_of(content: bytes) -> str:
    """Return the ETag that S3 gives an object that was written at once."""
    return f'"{md5(content).hexdigest()}"'


class MemoryReads:
    """Stands for ``visionml.aws.reads.Reads``."""

    def __init__(self, objects: MemoryObjects, bucket: str) -> None:
        self._objects, self._bucket = objects, bucket

    def fetch(
        self, key: str, *, version: str | None = None, check: Callable[[int], None]
    ) -> Fetched:
        content, etag = self._objects.read_tagged(f"s3://{self._bucket}/{key}")
        check(len(content))
        return Fetched(content, etag)
