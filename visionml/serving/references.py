"""Images that lie in S3, read under the endpoint's own role.

A caller names an object, never an address: it must lie in a bucket, or below a prefix, that the
container was told of. Everything else is refused before anything is asked.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

from visionml.aws.s3 import Objects
from visionml.errors import (
    AccessDenied,
    NotFound,
    NotServing,
    RequestRefused,
    Unavailable,
    VisionmlError,
)
from visionml.imaging.header import Limits
from visionml.serving.requests import Reference, check_length

_THREADS = 4
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 2, 5, 2
_REASONS: dict[type[VisionmlError], tuple[str, str]] = {
    NotFound: ("s3_not_found", "does not exist"),
    AccessDenied: ("s3_denied", "does not exist, or the endpoint's role may not read it"),
}

log = logging.getLogger(__name__)


def _client() -> Objects:
    from visionml.aws.session import Aws  # noqa: PLC0415 - boto3 is for those who need it

    return Objects(
        Aws().client(
            "s3",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        )
    )


class Sources:
    """Fetches referenced images, a few at once, beside the thread that predicts."""

    def __init__(
        self,
        allowed: tuple[str, ...],
        limits: Limits,
        *,
        connect: Callable[[], Objects] = _client,
    ) -> None:
        """Allow what `allowed` names, each a ``BUCKET`` or a ``BUCKET/PREFIX``."""
        self._allowed = [entry.partition("/")[::2] for entry in allowed]
        self._limits = limits
        self._connect = connect

    async def fetch(self, reference: Reference) -> bytes:
        """Return an object's bytes.

        Raises
        ------
        RequestRefused
            413: it is too large; 422: it is not allowed, not there or not to be read.
        NotServing
            S3 does not answer now.
        """
        self.check(reference)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(self._read, reference))

    def check(self, reference: Reference) -> None:
        """Refuse what is not below an allowed bucket or prefix: 422."""
        for bucket, prefix in self._allowed:
            if reference.bucket == bucket and reference.key.startswith(prefix):
                return
        raise RequestRefused(
            f"This endpoint does not read from {str(reference)[:200]}.",
            code="s3_refused",
            status=422,
            hint="Put the image where the endpoint may read, or send the image itself."
            if self._allowed
            else "Send the image itself.",
        )

    def _read(self, reference: Reference) -> bytes:
        address = str(reference)
        try:
            return self._objects.read_bytes(
                address, check=lambda length: check_length(length, self._limits)
            )
        except RequestRefused:
            raise
        except Unavailable as error:
            log.warning("%s", error)
            raise NotServing(
                "S3 does not answer now.", code="s3_unavailable", hint="Try again shortly."
            ) from error
        except VisionmlError as error:
            log.warning("%s", error)  # it may name the role, which is no caller's business
            code, why = _REASONS.get(type(error), ("s3_unreadable", "cannot be read"))
            raise RequestRefused(
                f"The object {address[:200]} {why}.",
                code=code,
                status=422,
                hint="Check the address, or send the image itself.",
            ) from error

    @cached_property
    def _objects(self) -> Objects:
        return self._connect()

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")
