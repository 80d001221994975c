"""Addresses to which callers send images that are too large for a request."""

import uuid
from collections.abc import Callable

from visionml.aws.s3 import Objects, parse_uri, uri
from visionml.contracts.inference import INLINE_IMAGE_BYTES, Upload, UploadRequest
from visionml.contracts.layout import INFERENCE_UPLOADS
from visionml.errors import AccessDenied, InvalidInput, NotFound, RequestRefused
from visionml.serving.payload import check_size, parsed

EXPIRES_SECONDS = 300
Fetch = Callable[[str, Callable[[int], None]], bytes]


def upload_request(body: bytes) -> UploadRequest:
    """Return the request in the body of ``POST /uploads``.

    Raises
    ------
    RequestRefused
        400: it is not one.
    """
    return parsed(
        UploadRequest,
        body,
        hint='Send {"content_type": "image/jpeg", "bytes": <how many the image has>}.',
    )


def issue(request: UploadRequest, *, objects: Objects, bucket: str, limit: int) -> Upload:
    """Return where to send an image; nobody else learns the address.

    Raises
    ------
    RequestRefused
        413: the image has more than `limit` bytes.
    """
    check_size(request.bytes, limit)
    address = _new_address(bucket)
    url = objects.upload_url(
        address, content_type=request.content_type, length=request.bytes, seconds=EXPIRES_SECONDS
    )
    return Upload(
        url=url,
        headers={"Content-Type": request.content_type, "Content-Length": str(request.bytes)},
        s3=address,
        expires_seconds=EXPIRES_SECONDS,
    )


class Uploaded:
    """Reads what lies below the prefix of uploads, and nothing else."""

    def __init__(self, objects: Objects, bucket: str, *, fetch: Fetch | None = None) -> None:
        """Read by `fetch` where one is given, which is told a key and a check of the size."""
        self._objects, self._bucket, self._fetch = objects, bucket, fetch or self._get

    def check(self, address: str) -> None:
        """Refuse an address that is none of ours: 422."""
        try:
            bucket, key = parse_uri(address)
        except InvalidInput:
            bucket = key = ""
        if bucket != self._bucket or not key.startswith(INFERENCE_UPLOADS):
            raise _refused("s3_refused", "is not an address that POST /uploads gave")

    def read(self, address: str, *, limit: int) -> bytes:
        """Return an uploaded image.

        Raises
        ------
        RequestRefused
            413: it is too large; 422: the address is none of ours, or nothing lies there.
        """
        self.check(address)
        try:
            return self._fetch(parse_uri(address).key, lambda size: check_size(size, limit))
        except (NotFound, AccessDenied) as error:
            # who may not list what lies there is told 403 of what does not exist
            raise _refused("s3_not_found", "holds no image: send it there first") from error

    def _get(self, key: str, check: Callable[[int], None]) -> bytes:
        return self._objects.read_bytes(uri(self._bucket, key), check=check)

    def keep(self, image: bytes, content_type: str) -> str:
        """Put an image where uploads lie, and return its address."""
        address = _new_address(self._bucket)
        self._objects.write(address, image, content_type=content_type)
        return address


def _new_address(bucket: str) -> str:
    return uri(bucket, f"{INFERENCE_UPLOADS}{uuid.uuid4().hex}")


def _refused(code: str, why: str) -> RequestRefused:
    return RequestRefused(
        f"The field s3 {why}.",
        code=code,
        status=422,
        hint=f"Images of up to {INLINE_IMAGE_BYTES:,} bytes can be sent in the request itself.",
    )
