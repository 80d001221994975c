"""Answers ``POST /upload``: takes an image, or says where to send one that is announced.

What a file really is, intake judges later by its bytes.
"""

from urllib.parse import unquote

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from visionml.aws import secrets
from visionml.aws.bucket import Bucket
from visionml.aws.session import Aws
from visionml.contracts.environment import UploadReceiverEnvironment
from visionml.contracts.images import NAME_HEADER, USER_CHARACTERS, USER_HEADER, UploadOrder
from visionml.contracts.inference import INLINE_IMAGE_BYTES, JSON_TYPE
from visionml.errors import RequestRefused
from visionml.handlers.answering import Reply, answering, body_of
from visionml.handlers.observability import count
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.uploads import Uploads
from visionml.serving.payload import check_size, parsed

TYPES = ("image/jpeg", "image/png", "image/webp")
ORDER_HINT = (
    'Send larger ones by a form: POST {"content_type": "image/jpeg", "bytes": <how many the image'
    " has>} as application/json."
)

environment = UploadReceiverEnvironment.read()
aws = Aws()
# a signature of version 4 covers type and size; the bucket's own host takes uploads in any region
signing = aws.client("s3", signature_version="s3v4", s3={"addressing_style": "virtual"})
secret_client = aws.client("secretsmanager")
uploads = Uploads(
    Bucket(signing, environment.images_bucket),
    Pseudonyms(lambda: secrets.read(secret_client, environment.pseudonym_secret)),
)


@answering(environment)
def handler(request: APIGatewayProxyEvent) -> Reply:
    """Answer a proxy event: 202 with an ``UploadTaken``, or 201 with an ``UploadForm``."""
    body = body_of(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body:
        raise RequestRefused(
            "The request has no body.", code="empty", status=400, hint="Send an image."
        )
    if kind == JSON_TYPE:
        order = parsed(UploadOrder, body, hint=ORDER_HINT)
        check_size(order.bytes, environment.upload_limit_bytes)
        form = uploads.offer(order)
        count("FormsGiven")
        return Reply(201, form)
    if kind not in TYPES:
        raise RequestRefused(
            f"The content type {kind[:100]!r} is not taken." if kind else "No content type.",
            code="unsupported_media_type",
            status=415,
            hint=f"Use one of {', '.join((*TYPES, JSON_TYPE))}.",
        )
    inline = min(environment.upload_limit_bytes, INLINE_IMAGE_BYTES)
    check_size(len(body), inline, ORDER_HINT if inline < environment.upload_limit_bytes else "")
    name, user = (unquote(request.headers.get(each, "")) for each in (NAME_HEADER, USER_HEADER))
    if len(user) > USER_CHARACTERS:
        raise RequestRefused(
            f"The header {USER_HEADER} names a user in {len(user):,} characters.",
            code="invalid_header",
            status=400,
            hint=f"Send {USER_CHARACTERS} at most.",
        )
    taken = uploads.take(body, kind, name=name, user=user)
    count("UploadsTaken")
    return Reply(202, taken, {"Location": f"/images/{taken.image_id}"})
