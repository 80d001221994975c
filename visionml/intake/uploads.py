"""Images that people send: put into the bucket, or promised a form that takes them."""

from uuid import uuid4

from visionml.aws.bucket import Bucket
from visionml.contracts.images import UploadForm, UploadOrder, UploadTaken, image_id
from visionml.contracts.layout import upload
from visionml.intake.pseudonyms import Pseudonyms

FORM_SECONDS = 300


class Uploads:
    """Every upload has a key of its own, which tells nobody's name."""

    def __init__(self, bucket: Bucket, pseudonyms: Pseudonyms) -> None:
        self._bucket, self._pseudonyms = bucket, pseudonyms

    def take(self, content: bytes, content_type: str, *, name: str, user: str) -> UploadTaken:
        """Put a file where intake looks, and say what its image will be called."""
        key = _new_key(name)
        version = self._bucket.write(
            key, content, content_type=content_type, metadata=self._metadata(user)
        )
        return UploadTaken(image_id=image_id(self._bucket.name, key, version))

    def offer(self, order: UploadOrder) -> UploadForm:
        """Return a form that takes the file which was announced, and no other."""
        key = _new_key(order.name)
        form = self._bucket.form(
            key,
            content_type=order.content_type,
            length=order.bytes,
            metadata=self._metadata(order.user),
            seconds=FORM_SECONDS,
        )
        return UploadForm(url=form.url, fields=form.fields, key=key, expires_seconds=FORM_SECONDS)

    def _metadata(self, user: str) -> dict[str, str]:
        pseudonym = self._pseudonyms.of(user)
        return {"user": pseudonym} if pseudonym else {}


def _new_key(name: str) -> str:
    return upload(uuid4().hex, name)
