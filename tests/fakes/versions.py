"""A versioned bucket in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from visionml.aws.object_versions import Version
from visionml.aws.s3 import parse_uri, uri
from visionml.errors import NotFound


class MemoryVersions:
    """Stands for ``visionml.aws.object_versions.ObjectVersions``, and for reading in ``Objects``.

    `before` is called with each operation and address, and may raise.
    """

    def __init__(self, *, before: Callable[[str, str], None] | None = None) -> None:
        self.stored: dict[Version, bytes] = {}
        self.metadata: dict[Version, dict[str, str]] = {}
        self._before = before or (lambda _operation, _address: None)
        self._count = 0

    def put(
        self,
        address: str,
        content: bytes,
        *,
        content_type: str = "",
        metadata: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        self._before("put", address)
        bucket, key = parse_uri(address)
        self._count += 1
        made = Version(bucket, key, f"v{self._count}")
        for each in list(self.stored):
            if each[:2] == made[:2] and each.readable:
                self.stored[each._replace(readable=False)] = self.stored.pop(each)
        self.stored[made] = content
        self.metadata[made] = dict(metadata)
        return made.version

    def write(self, address: str, content: bytes | str, *, content_type: str = "") -> None:
        self.put(address, content.encode() if isinstance(content, str) else content)

    def below(self, prefix: str) -> Iterator[Version]:
        self._before("below", prefix)
        yield from sorted(each for each in self.stored if self._address(each).startswith(prefix))

    def folders(self, prefix: str) -> Iterator[str]:
        bucket, start = parse_uri(prefix)
        rests = {
            each.key.removeprefix(start)
            for each in self.stored
            if each.bucket == bucket and each.key.startswith(start)
        }
        yield from sorted({f"{start}{rest.partition('/')[0]}/" for rest in rests if "/" in rest})

    def delete(self, versions: Iterable[Version]) -> int:
        count = 0
        for each in list(versions):
            self._before("delete", self._address(each))
            self.stored.pop(each, None)
            count += 1
        return count

    def read_bytes(self, address: str) -> bytes:
        self._before("read", address)
        for each, content in self.stored.items():
            if each.readable and self._address(each) == address:
                return content
        raise NotFound(f"There is no {address}.")

    def lines(self, address: str) -> Iterator[str]:
        yield from self.read_bytes(address).decode().splitlines()

    def exists(self, address: str) -> bool:
        return any(each.readable and self._address(each) == address for each in self.stored)

    def keys(self, prefix: str) -> Iterator[str]:
        yield from (each.key for each in self.below(prefix) if each.readable)

    @staticmethod
    def _address(version: Version) -> str:
        return uri(version.bucket, version.key)
