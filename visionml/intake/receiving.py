"""What becomes of an upload: a clean image that the detector is asked about, or quarantine.

The order of the steps makes a crash between any two harmless: everything is written under keys that
follow from the upload's id, then the record, which only the first writer of several gets to write;
then the detector is started, and only then the upload is deleted. Whoever finds the record there
does no more than the last two.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from visionml.aws.bucket import Bucket, Held
from visionml.aws.s3 import Location, uri
from visionml.contracts import layout
from visionml.contracts.detector import DetectionOrder
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.contracts.intake import FileKind, Refusal
from visionml.errors import ImageRefused, NotFound
from visionml.imaging.inspect import refused
from visionml.intake.accepting import Accepted, too_large
from visionml.intake.messages import Upload
from visionml.intake.moments import moment_text
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.records import Images, order_of

_DAY_SECONDS = 86_400
_ANY_FILE = "application/octet-stream"
"""The type of files that are not known to be images: no browser shows those."""


class Looked(NamedTuple):
    """What is known of an upload now, and whether it was not known before."""

    record: ImageRecord
    new: bool


@dataclass
class _Written:
    """The versions of objects that one look at an upload has written."""

    versions: list[tuple[Bucket, str, str]] = field(default_factory=list)

    def write(
        self, bucket: Bucket, key: str, content: bytes, kind: str, user: str | None = None
    ) -> None:
        version = bucket.write(key, content, content_type=kind, metadata=_metadata(user))
        self.versions.append((bucket, key, version))

    def write_together(self, bucket: Bucket, files: Sequence[tuple[str, bytes, str]]) -> None:
        """Write some keys' contents of some types at once: S3 is waited for only once."""
        with ThreadPoolExecutor(len(files)) as pool:
            for done in [pool.submit(self.write, bucket, *file) for file in files]:
                done.result()

    def take_back(self) -> None:
        for bucket, key, version in self.versions:
            bucket.delete(key, version)


@dataclass(frozen=True)
class Receiver:
    """Looks at uploads, one at a time."""

    bucket: Bucket
    originals: Bucket | None
    """Where unredacted uploads are kept; None where they are not."""
    images: Images
    accept: Callable[[bytes], Accepted]
    detect: Callable[[DetectionOrder], None]
    """Starts the detector."""
    pseudonyms: Pseudonyms
    limit_bytes: int
    record_days: int

    def receive(self, upload: Upload) -> Looked:
        """Do what is left to be done for an upload, and return what is known of it.

        Raises
        ------
        VisionmlError
            A service could not be reached or refused; nothing is lost by trying again later.
        """
        known = self.images.find(upload.image_id)
        if known is not None:
            return self._settled(upload, known, new=False)
        written = _Written()
        record = self._looked_at(upload, written)
        if self.images.add(record):
            return self._settled(upload, record, new=True)
        # somebody else was told of the same upload and has been faster
        written.take_back()
        return self._settled(upload, self.images.find(upload.image_id) or record, new=False)

    def _settled(self, upload: Upload, record: ImageRecord, *, new: bool) -> Looked:
        if record.processing_status is ProcessingStatus.ACCEPTED:
            self.detect(order_of(record))
        self.bucket.delete(upload.key, upload.version)
        return Looked(record, new)

    def _looked_at(self, upload: Upload, written: _Written) -> ImageRecord:
        """Write everything about an upload except its record, which is returned."""
        try:
            held = self.bucket.read(upload.key, upload.version, limit=self.limit_bytes)
        except NotFound:
            return self._vanished(upload)
        if held.size > self.limit_bytes:
            refusal = too_large(held.size, held.content, self.limit_bytes)
            return self._quarantined(upload, held, refusal, written)
        try:
            accepted = self.accept(held.content)
        except ImageRefused as why:
            return self._quarantined(upload, held, refused(held.content, why), written)
        return self._accepted(upload, held, accepted, written)

    def _accepted(
        self, upload: Upload, held: Held, accepted: Accepted, written: _Written
    ) -> ImageRecord:
        image_id, original = upload.image_id, None
        user = self._user(held)
        if self.originals is not None and accepted.redaction is not None:
            original = uri(self.originals.name, image_id)
            written.write(self.originals, image_id, held.content, _ANY_FILE, user)
        previews = {size: layout.preview_image(image_id, size) for size in accepted.previews}
        files = [(previews[s], content, "image/jpeg") for s, content in accepted.previews.items()]
        key = layout.accepted_image(image_id, accepted.format)
        files.append((key, accepted.content, f"image/{accepted.format}"))
        written.write_together(self.bucket, files)
        return self._record(
            upload,
            ProcessingStatus.ACCEPTED,
            file_size=held.size,
            image_format=accepted.format,
            s3_location=uri(self.bucket.name, key),
            user_id=user,
            upload_hash=sha256(held.content).hexdigest(),
            content_hash=sha256(accepted.content).hexdigest(),
            width=accepted.width,
            height=accepted.height,
            previews={str(size): each for size, each in previews.items()},
            statistics=accepted.statistics,
            redaction=accepted.redaction,
            original=original,
        )

    def _quarantined(
        self, upload: Upload, held: Held, refusal: Refusal, written: _Written
    ) -> ImageRecord:
        user, key = self._user(held), layout.quarantined(upload.image_id)
        where = Location(self.bucket.name, key)
        try:
            version = self.bucket.copy(
                held.exact, where, content_type=_ANY_FILE, metadata=_metadata(user)
            )
        except NotFound:  # deleted since it was read
            return self._vanished(upload)
        written.versions.append((self.bucket, key, version))
        record = self._record(
            upload,
            ProcessingStatus.REFUSED,
            file_size=held.size,
            image_format=refusal.kind,
            s3_location=str(where),
            user_id=user,
            upload_hash=refusal.sha256,
            refusal=refusal,
            reason=refusal.sentence,
        )
        told = {
            **refusal.model_dump(mode="json"),
            "image_id": upload.image_id,
            "source": upload.address,
            "time": moment_text(upload.time),
        }
        reason = layout.quarantine_reason(upload.image_id)
        written.write(self.bucket, reason, json.dumps(told, indent=2).encode(), "application/json")
        return record

    def _vanished(self, upload: Upload) -> ImageRecord:
        return self._record(
            upload,
            ProcessingStatus.VANISHED,
            file_size=upload.size,
            image_format=FileKind.UNKNOWN,
            reason="The upload was deleted before intake could read it.",
        )

    def _record(
        self, upload: Upload, status: ProcessingStatus, *, image_format: str, **facts: Any
    ) -> ImageRecord:
        return ImageRecord(
            image_id=upload.image_id,
            timestamp=upload.time,
            processing_status=status,
            image_format=image_format,
            source=upload.address,
            expires=int(upload.time.timestamp()) + self.record_days * _DAY_SECONDS,
            **facts,
        )

    def _user(self, held: Held) -> str | None:
        return self.pseudonyms.of(held.metadata.get("user", ""))


def _metadata(user: str | None) -> dict[str, str]:
    return {"user": user} if user else {}
