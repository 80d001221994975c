"""The picture of a request: its bytes, or an object that is read with the caller's own rights.

Limits and sentences are AWS's: docs.aws.amazon.com/rekognition/latest/dg/limits.html.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from visionml.local import ministack
from visionml.local.ministack import Call, Session
from visionml.local.refusals import Fault

LARGEST_OBJECT = 15 * 1024**2
SMALLEST_SIDE = 80
LARGEST_SIDE = 10_000
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def picture(image: Mapping[str, Any], caller: Session) -> bytes:
    """Return the JPEG or PNG file of a request's ``Image``.

    Raises
    ------
    Fault
        It is neither, too large, or not to be read by the caller.
    """
    if ("Bytes" in image) == ("S3Object" in image):
        raise invalid_parameters()
    content = image["Bytes"] if "Bytes" in image else _object(image["S3Object"], caller)
    if not content.startswith(_STARTS):
        raise invalid_format()
    return bytes(content)


def check_size(width: int, height: int) -> None:
    """Refuse what is smaller or larger than Rekognition looks at, in pixels."""
    if min(width, height) < SMALLEST_SIDE:
        raise invalid_parameters()
    if max(width, height) > LARGEST_SIDE:
        raise too_large()


def _object(place: Mapping[str, Any], caller: Session) -> bytes:
    if not place.get("Bucket") or not place.get("Name"):
        raise invalid_parameters()
    path = f"/{place['Bucket']}/{place['Name']}"
    query = urlencode({"versionId": place["Version"]}) if "Version" in place else ""
    status, headers, _ = ministack.call_as(caller, "s3", Call("HEAD", path, query=query))[0]
    found = {name.lower(): value for name, value in headers.items()}
    if status != 200 or not _may_decrypt(found, caller):
        raise _unreadable()
    if int(found.get("content-length", 0)) > LARGEST_OBJECT:
        raise too_large()
    status, _, content = ministack.call_as(caller, "s3", Call("GET", path, query=query))[0]
    if status != 200:
        raise _unreadable()
    return content


def _may_decrypt(headers: Mapping[str, str], caller: Session) -> bool:
    key = headers.get(_KEY)
    if not key:
        return True
    if not key.startswith("arn:"):
        kind = "" if key.startswith("alias/") else "key/"
        key = (
            f"arn:aws:kms:{ministack.region()}:{ministack.account()}:{kind}{quote(key, safe='/-')}"
        )
    return ministack.denial(caller.access_key_id, "kms:Decrypt", key) is None


def invalid_parameters(message: str = "Request has invalid parameters") -> Fault:
    """Return the refusal of what is asked, or of a picture that is too small."""
    return Fault("InvalidParameterException", message)


def invalid_format() -> Fault:
    """Return the refusal of what is no JPEG and no PNG, or a broken one."""
    return Fault("InvalidImageFormatException", "Request has invalid image format")


def too_large() -> Fault:
    """Return the refusal of a file of too many bytes, or a picture of too many pixels."""
    return Fault("ImageTooLargeException", "Image size is too large")


def _unreadable() -> Fault:
    return Fault(
        "InvalidS3ObjectException",
        "Unable to get object metadata from S3. "
        "Check object key, region and/or access permissions.",
    )
