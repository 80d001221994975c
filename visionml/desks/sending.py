"""Send files to intake: several at once, each once, whatever happened to earlier attempts."""

import hashlib
import mimetypes
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from visionml.aws.object_versions import Version
from visionml.aws.s3 import uri
from visionml.contracts import layout
from visionml.contracts.images import image_id
from visionml.desks.finding import told
from visionml.errors import AccessDenied, InvalidInput, NotFound, VisionmlError

_THREADS = 8
"""Each holds one file in memory."""
_TOGETHER = 256
"""Files handed to the threads together: bounds memory at any number of files."""

Progress = Callable[[int, int], None]
"""Called with (done, total), from one thread."""


class Outcome(StrEnum):
    """What became of a file."""

    SENT = "sent"
    ON_ITS_WAY = "on its way"
    """Sent before; intake has not looked at it yet."""
    KNOWN = "known"
    """Intake has looked at a file of this content before."""
    REPEATED = "repeated"
    """Another one of the named files has this content."""
    NOT_SENT = "not sent"


@dataclass(frozen=True)
class Sent:
    """A file, what became of it, and the image that it is to the platform."""

    file: str
    outcome: Outcome
    image_id: str | None = None
    detail: str = ""
    same_as: str = ""
    """The file that was sent in its stead."""


class Bucket(Protocol):
    """What is asked of S3: see ``visionml.aws.object_versions.ObjectVersions``."""

    def put(
        self, address: str, content: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> str:
        """Write an object and return its version."""

    def below(self, prefix: str) -> Iterator[Version]:
        """Yield the versions of the objects below a prefix."""


@dataclass(frozen=True)
class Sender:
    """Sends files to the bucket where intake finds them."""

    objects: Bucket
    bucket: str
    known: Callable[[str], str | None]
    """Returns the id of the image whose upload had a SHA-256, or None."""
    limit_bytes: int
    user: str = ""
    """A pseudonym."""

    def send(self, files: Sequence[Path], *, on_progress: Progress | None = None) -> list[Sent]:
        """Return what became of each file, in their order.

        Interrupted, it stops after the files that are being sent; called again, it goes on.

        Raises
        ------
        NotFound
            The platform is not deployed.
        AccessDenied
            Who asks may not send images.
        """
        seen = _Seen()
        results: list[Sent] = []
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="send") as pool:
            try:
                for start in range(0, len(files), _TOGETHER):
                    for each in pool.map(
                        lambda file: self._one(file, seen), files[start : start + _TOGETHER]
                    ):
                        results.append(each)
                        if on_progress:
                            on_progress(len(results), len(files))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        ids = {each.file: each.image_id for each in results}
        return [
            replace(each, image_id=ids[each.same_as]) if each.same_as else each for each in results
        ]

    def _one(self, file: Path, seen: "_Seen") -> Sent:
        name = str(file).encode(errors="backslashreplace").decode()
        try:
            content = _read(file, self.limit_bytes)
        except (OSError, InvalidInput) as error:
            why = error.message if isinstance(error, InvalidInput) else f"{told(error)}."
            return Sent(name, Outcome.NOT_SENT, detail=why)
        digest = hashlib.sha256(content).hexdigest()
        if first := seen.before(digest, name):
            told_of = f"It has the content of {first}."
            return Sent(name, Outcome.REPEATED, detail=told_of, same_as=first)
        try:
            return self._sent(file, name, content, digest)
        except (NotFound, AccessDenied):  # the next file would fare no better
            raise
        except VisionmlError as error:
            return Sent(name, Outcome.NOT_SENT, detail=error.message)

    def _sent(self, file: Path, name: str, content: bytes, digest: str) -> Sent:
        # in this order: intake deletes an upload only after it has recorded the image
        for waiting in self.objects.below(uri(self.bucket, layout.upload_folder(digest))):
            if waiting.readable:
                found = image_id(self.bucket, waiting.key, waiting.version)
                return Sent(name, Outcome.ON_ITS_WAY, found)
        if known := self.known(digest):
            return Sent(name, Outcome.KNOWN, known)
        key = layout.upload(digest, file.name)
        version = self.objects.put(
            uri(self.bucket, key),
            content,
            content_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            metadata={"user": self.user} if self.user else {},
        )
        return Sent(name, Outcome.SENT, image_id(self.bucket, key, version))


class _Seen:
    """The contents that one call has met, and the first file of each."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._lock = threading.Lock()

    def before(self, digest: str, file: str) -> str | None:
        """Return the file that had this content before, or note that this one is the first."""
        with self._lock:
            if digest in self._files:
                return self._files[digest]
            self._files[digest] = file
            return None


def _read(file: Path, limit: int) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise InvalidInput(f"It has more than {limit} bytes, which intake would refuse.")
    return content
