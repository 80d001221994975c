"""Images: sent, looked after, listed and fetched, by who works on the platform."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

import pandas as pd

from visionml.aws.object_versions import ObjectVersions
from visionml.aws.s3 import uri
from visionml.contracts import layout
from visionml.contracts.detector import FOLDERS
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.desks.finding import find
from visionml.desks.forgetting import Forgetter, Forgotten
from visionml.desks.image_records import ImageRecords, Moment, frame
from visionml.desks.image_retries import Asked, retry
from visionml.desks.images_api import ImagesApi
from visionml.desks.platform import Platform
from visionml.desks.sending import Outcome, Progress, Sender, Sent
from visionml.errors import InvalidInput, NotFound, Unavailable

_LOOK_SECONDS = 0.5
_NAMED = 3
_SENT = ("file", "outcome", "image", "detail")


class Images:
    """The images of an environment; `api` is the way in and out that customers have."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.api = ImagesApi(platform)

    def upload(
        self,
        paths: Path | str | Iterable[Path | str],
        *,
        user: str = "",
        on_progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Send files, and those below folders, to intake; return what became of each.

        A file is not sent again while its upload waits for intake, nor when intake has seen its
        content before. Interrupted and called again, this goes on. What cannot be read or sent is
        a row like the others, with the reason.

        Raises
        ------
        InvalidInput
            Nothing is named.
        NotFound
            The platform is not deployed.
        AccessDenied
            Who asks may not send images.
        """
        found = find([paths] if isinstance(paths, Path | str) else paths)
        sender = Sender(
            ObjectVersions(self._platform.aws.s3),
            self._platform.bucket("images"),
            known=self._known,
            limit_bytes=self._platform.settings.images.upload_limit_bytes,
            user=self._records.pseudonyms.of(user) or "",
        )
        lost = [Sent(each.path, Outcome.NOT_SENT, detail=each.sentence) for each in found.problems]
        sent = [*sender.send(found.files, on_progress=on_progress), *lost]
        rows = [(each.file, each.outcome.value, each.image_id, each.detail) for each in sent]
        return pd.DataFrame(rows, columns=pd.Index(_SENT))

    def wait(
        self,
        images: pd.DataFrame | Iterable[str],
        *,
        patience_seconds: float = 120.0,
        on_progress: Progress | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> pd.DataFrame:
        """Wait until intake and the detector have done with images, and return what they said.

        `images` are ids, or what `upload` returned.

        Raises
        ------
        Unavailable
            Some are still on their way when the patience ends; the message names them.
        """
        ids = list(dict.fromkeys(_ids(images)))
        ended: dict[str, ImageRecord] = {}
        give_up = time.monotonic() + patience_seconds
        while True:
            for image in ids:
                if image not in ended and (record := self._ended(image)):
                    ended[image] = record
            if on_progress:
                on_progress(len(ended), len(ids))
            if len(ended) == len(ids):
                return frame(ended[image] for image in ids)
            if time.monotonic() > give_up:
                raise _still_on_their_way([each for each in ids if each not in ended], len(ids))
            sleep(_LOOK_SECONDS)

    def table(
        self,
        *,
        status: str | None = None,
        label: str | None = None,
        user: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        limit: int = 1000,
    ) -> pd.DataFrame:
        """Return the newest images, those of a status, an animal, a user or a time.

        A `user` is named as the images were sent with, or by the pseudonym.
        """
        records = self._records.listed(
            status=status,
            label=label,
            user=user,
            since=since,
            until=until,
        )
        return frame(records, limit=limit)

    def get(self, image: str) -> ImageRecord:
        """Return all that is recorded of an image.

        Raises
        ------
        NotFound
            Nothing, or nothing yet.
        """
        return self._records.get(image)

    def picture(self, image: str, size: int | None = None) -> bytes:
        """Return an image's preview of a size, or without one the image itself.

        Raises
        ------
        InvalidInput
            It has no preview of that size.
        NotFound
            There is no such image, or nothing is left of it to be seen.
        """
        record = self.get(image)
        if record.refusal:
            raise NotFound(
                f"The image {image} was refused: {record.refusal.sentence}",
                hint=f"What was sent lies at {record.s3_location}.",
            )
        if record.s3_location is None:
            raise NotFound(f"Nothing is left of the image {image}: it is {_status(record)}.")
        if size is None:
            return self._platform.objects.read_bytes(record.s3_location)
        if str(size) not in record.previews:
            known = ", ".join(record.previews) or "none"
            raise InvalidInput(
                f"The image {image} has no preview of {size} pixels.", hint=f"There are: {known}."
            )
        address = self._platform.address("images", record.previews[str(size)])
        return self._platform.objects.read_bytes(address)

    def quarantined(self, *, limit: int = 1000) -> pd.DataFrame:
        """Return the newest files that intake has refused, and why."""
        refused = self._records.listed(status=ProcessingStatus.REFUSED)
        rows = [
            {
                "image": record.image_id,
                "reason": record.refusal.reason.value,
                "kind": record.refusal.kind.value,
                "bytes": record.file_size,
                "sentence": record.refusal.sentence,
                "time": record.timestamp.replace(microsecond=0),
            }
            for record in islice(refused, limit)
            if record.refusal
        ]
        columns = ["image", "reason", "kind", "bytes", "sentence", "time"]
        return pd.DataFrame(rows, columns=pd.Index(columns)).set_index("image")

    def folders(self) -> pd.DataFrame:
        """Return how many images lie in each folder of the images bucket, by listing it."""
        bucket = self._platform.bucket("images")
        keys = self._platform.objects.keys(uri(bucket, ""))
        counts = Counter(_folder(key) for key in keys if not key.endswith(".reason.json"))
        folders = [layout.UPLOADS, layout.QUARANTINE, layout.ACCEPTED, *FOLDERS.values()]
        rows = {folder: counts[folder] for folder in folders}
        return pd.DataFrame({"images": rows}).rename_axis("folder")

    def retry(
        self, images: pd.DataFrame | Iterable[str] | None = None, *, status: Asked | None = None
    ) -> pd.DataFrame:
        """Start the detector again for images that nobody has looked at; return what became of all.

        `images` are ids, or what `upload` returned; a `status` means all images of that status:
        ``failed`` ones, which Rekognition could not be asked about, or ``accepted`` ones whose
        execution ended as a whole. Intake does the same by itself, for a while; what is asked for
        here is tried however often that was.

        Raises
        ------
        InvalidInput
            Neither is given, or both.
        NotFound
            The platform is not deployed.
        JobFailed
            The function that does it has failed.
        """
        ids = None if images is None else _ids(images)
        return retry(self._platform, ids, status)

    def forget(self, image: str, *, dry_run: bool = False) -> Forgotten:
        """Delete an image for good: from the buckets, their versions, the datasets, the records.

        What is left is a record that it was forgotten, and models that were trained before, which
        are told. Done again it does what is left to do; a `dry_run` only tells.

        Raises
        ------
        InvalidInput
            That is no image's id.
        NotFound
            Nothing is known of such an image.
        AccessDenied
            Who asks may not delete all of it.
        """
        forgetter = Forgetter(self._platform)
        return forgetter.plan(image) if dry_run else forgetter.forget(image)

    @property
    def _records(self) -> ImageRecords:
        return self._platform.images

    def _known(self, sha256: str) -> str | None:
        return next((record.image_id for record in self._records.of_upload(sha256)), None)

    def _ended(self, image: str) -> ImageRecord | None:
        """Return an image's record once nothing is left to be done about it."""
        found = self._records.all_of(image)
        done = bool(found) and found[-1].processing_status != ProcessingStatus.ACCEPTED
        return found[-1] if done else None


def _ids(images: pd.DataFrame | Iterable[str]) -> Sequence[str]:
    if isinstance(images, pd.DataFrame):
        return [str(each) for each in images["image"].dropna()]
    return [images] if isinstance(images, str) else list(images)


def _still_on_their_way(missing: Sequence[str], total: int) -> Unavailable:
    more = ", ..." if len(missing) > _NAMED else ""
    return Unavailable(
        f"{len(missing)} of {total} images are still on their way: "
        f"{', '.join(missing[:_NAMED])}{more}.",
        hint="Wait again; `visionml images` lists what has ended, and the alarm on the queue of"
        " failures tells of uploads that intake cannot deal with.",
    )


def _status(record: ImageRecord) -> str:
    return record.processing_status.value


def _folder(key: str) -> str:
    return f"{key.partition('/')[0]}/"
