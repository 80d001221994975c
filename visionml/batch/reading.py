"""Images from S3: exactly those that were planned, or the reason why not."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

from visionml.aws.s3 import Fetched
from visionml.batch.outcomes import Image
from visionml.contracts.batch import BatchInput
from visionml.contracts.inference import ErrorDetail
from visionml.errors import AccessDenied, NotFound, RequestRefused, Unavailable, VisionmlError
from visionml.serving.pace import Pace
from visionml.serving.payload import check_size

_ATTEMPTS = 3
"""To read what fails for reasons that nobody knows."""


class Fetches(Protocol):
    """What is asked of the bucket of images; `visionml.aws.reads.Reads` is one."""

    def fetch(
        self, key: str, *, version: str | None = None, check: Callable[[int], None]
    ) -> Fetched:
        """Return an object's content and ETag; `check` is told its length and may raise."""


class Reader:
    """Reads images of one bucket, from several threads."""

    def __init__(self, bucket: Fetches, *, limit: int, pace: Pace) -> None:
        """Read images of up to `limit` bytes, waiting as `pace` allows."""
        self._bucket, self._pace = bucket, pace
        self._check = partial(check_size, limit=limit)

    def read(self, source: BatchInput) -> Image | ErrorDetail:
        """Return an image, or why it cannot be read.

        Raises
        ------
        Unavailable
            S3 is busy or down for too long.
        """
        try:
            self._check(source.bytes)
            return self._read(source)
        except RequestRefused as error:
            return ErrorDetail(code=error.code, message=error.message, limit=error.limit)
        except NotFound:
            return _unread("s3_not_found", "was deleted after the run was planned")
        except AccessDenied:
            return _unread("s3_denied", "may not be read by the job's role, or does not exist")

    def _read(self, source: BatchInput) -> Image | ErrorDetail:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                found = self._fetched(source)
            except (NotFound, AccessDenied, RequestRefused, Unavailable):
                raise
            except VisionmlError as error:
                if attempt == _ATTEMPTS:
                    return _unread("s3_unreadable", f"cannot be read: {error.message}")
            else:
                break
        if found.etag != source.etag:
            return _unread("changed", "was written anew after the run was planned")
        return Image(source, found.content, hashlib.sha256(found.content).hexdigest())

    def _fetched(self, source: BatchInput) -> Fetched:
        while True:
            self._pace.ready()
            try:
                found = self._bucket.fetch(source.key, version=source.version_id, check=self._check)
            except Unavailable as error:
                self._pace.slow(error)
            else:
                self._pace.good()
                return found


def _unread(code: str, why: str) -> ErrorDetail:
    return ErrorDetail(code=code, message=f"The image {why}.")
