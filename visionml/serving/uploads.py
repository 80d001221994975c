"""Addresses to which callers send images that are too large for a request."""

import uuid

from pydantic import ValidationError

from visionml.aws.s3 import Objects, parse_uri, uri
from visionml.contracts.inference import INLINE_IMAGE_BYTES, Upload, UploadRequest
from visionml.contracts.layout import INFERENCE_UPLOADS
from visionml.errors import AccessDenied, InvalidInput, NotFound, RequestRefused
from visionml.serving.payload import check_size

EXPIRES_SECONDS = 300


def upload_request(body: bytes) -> UploadRequest:
    """Return the request in the body of ``POST /uploads``.

    Raises
    ------
    RequestRefused
        400: it is not one.
    """
    try:
        return UploadRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise RequestRefused(
            f"The JSON is not a request: {where}: {first['msg']}.",
            code="invalid_json",
            status=400,
            hint='Send {"content_type": "image/jpeg", "bytes": <how many the image has>}.',
        ) from None


def issue(request: UploadRequest, *, objects: Objects, bucket: str, limit: int) -> Upload:
    """Return where to send an image; nobody else learns the address.

    Raises
    ------
    RequestRefused
        413: the image has more than `limit` bytes.
    """
    check_size(request.bytes, limit)
    address = uri(bucket, f"{INFERENCE_UPLOADS}{uuid.uuid4().hex}")
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
    """Reads what was sent to addresses that `issue` gave, and nothing else."""

    def __init__(self, objects: Objects, bucket: str) -> None:
        self._objects, self._bucket = objects, bucket

    def read(self, address: str, *, limit: int) -> bytes:
        """Return an uploaded image.

        Raises
        ------
        RequestRefused
            413: it is too large; 422: the address is none of ours, or nothing lies there.
        """
        try:
            bucket, key = parse_uri(address)
        except InvalidInput:
            bucket = key = ""
        if bucket != self._bucket or not key.startswith(INFERENCE_UPLOADS):
            raise _refused("s3_refused", "is not an address that POST /uploads gave")
        try:
            return self._objects.read_bytes(address, check=lambda size: check_size(size, limit))
        except (NotFound, AccessDenied) as error:
            # who may not list what lies there is told 403 of what does not exist
            raise _refused("s3_not_found", "holds no image: send it there first") from error


def _refused(code: str, why: str) -> RequestRefused:
    return RequestRefused(
        f"The field s3 {why}.",
        code=code,
        status=422,
        hint=f"Images of up to {INLINE_IMAGE_BYTES:,} bytes can be sent in the request itself.",
    )
