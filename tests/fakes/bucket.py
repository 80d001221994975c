"""Versioned buckets in memory, which tell every write and can fail at any of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from itertools import count

from visionml.aws.bucket import BEGINNING_BYTES, Exact, Form, Held
from visionml.aws.s3 import Location, uri
from visionml.errors import Conflict, NotFound


@dataclass(frozen=True)
class Stored:
    """One version of an object."""

    version: str
    content: bytes
    content_type: str
    metadata: dict[str, str]

    @property
    def etag(self) -> str:
        return f'"{md5(self.content).hexdigest()}"'


@dataclass
class World:
    """All buckets of an account, and what happens at each write to them."""

    objects: dict[Location, list[Stored]] = field(default_factory=dict)
    """The versions of each object, the newest last."""
    step: Callable[[str], None] = lambda _: None
    """Called before and after each write, with what it is; what it raises, the writer raises."""
    numbers: "count[int]" = field(default_factory=count)

    def put(self, where: Location, content: bytes, kind: str, metadata: Mapping[str, str]) -> str:
        self.step(f"write {where.key.split('/')[0]}")
        version = f"v{next(self.numbers)}"
        stored = Stored(version, content, kind, dict(metadata))
        self.objects.setdefault(where, []).append(stored)
        self.step(f"written {where.key.split('/')[0]}")
        return version

    def now(self, bucket: str) -> dict[str, bytes]:
        """Return the objects of a bucket as who lists it sees them."""
        return {
            where.key: versions[-1].content
            for where, versions in sorted(self.objects.items())
            if where.bucket == bucket
        }


class MemoryBucket:
    """Stands for ``visionml.aws.bucket.Bucket``."""

    def __init__(self, world: World, name: str = "images") -> None:
        self.world, self.name = world, name

    def read(self, key: str, version: str, *, limit: int) -> Held:
        found = self._find(key, version)
        content = found.content
        return Held(
            Exact(key, version, found.etag),
            len(content),
            found.metadata,
            content if len(content) <= limit else content[:BEGINNING_BYTES],
        )

    def newest(self, key: str) -> Exact:
        versions = self._versions(key)
        if not versions:
            raise NotFound(f"There is no {uri(self.name, key)}.")
        return Exact(key, versions[-1].version, versions[-1].etag)

    def write(
        self, key: str, content: bytes, *, content_type: str, metadata: Mapping[str, str] = {}
    ) -> str:
        return self.world.put(Location(self.name, key), content, content_type, metadata)

    def copy(
        self,
        source: Exact,
        target: Location,
        *,
        content_type: str,
        metadata: Mapping[str, str] = {},
    ) -> str:
        found = self._find(source.key, source.version)
        if found.etag != source.etag:
            raise Conflict(f"{uri(self.name, source.key)} holds something else.")
        return self.world.put(target, found.content, content_type, metadata)

    def delete(self, key: str, version: str) -> None:
        self.world.step(f"delete {key.split('/', maxsplit=1)[0]}")
        left = [each for each in self._versions(key) if each.version != version]
        self.world.objects[Location(self.name, key)] = left
        if not left:
            del self.world.objects[Location(self.name, key)]
        self.world.step(f"deleted {key.split('/', maxsplit=1)[0]}")

    def purge(self, key: str) -> None:
        for each in list(self._versions(key)):
            self.delete(key, each.version)

    def form(
        self, key: str, *, content_type: str, length: int, metadata: Mapping[str, str], seconds: int
    ) -> Form:
        fields = {"key": key, "Content-Type": content_type, "length": str(length), **metadata}
        return Form(f"https://{self.name}.example/", fields)

    def link(self, key: str, *, seconds: int) -> str:
        return f"https://{self.name}.example/{key}?expires={seconds}"

    def _versions(self, key: str) -> list[Stored]:
        return self.world.objects.get(Location(self.name, key), [])

    def _find(self, key: str, version: str) -> Stored:
        for each in self._versions(key):
            if each.version == version:
                return each
        raise NotFound(f"The version {version} of {uri(self.name, key)} has been deleted.")
