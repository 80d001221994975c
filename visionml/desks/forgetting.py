"""Forget an image: find it wherever it went, delete it there, and say what it leaves behind."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from visionml.aws.object_versions import ObjectVersions
from visionml.aws.table import Table
from visionml.batch.forgetting import ROWS, Found, Rows
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.dataset.forgetting import COPIES, SHARD_FILES, Holders
from visionml.desks import image_lineage
from visionml.desks.card import Card
from visionml.desks.image_lineage import WITHOUT, Holding
from visionml.desks.platform import Platform
from visionml.desks.queries import Queries
from visionml.errors import NotFound
from visionml.intake.forgetting import Forgetting, told
from visionml.intake.moments import moment_text
from visionml.intake.records import KEYS
from visionml.registry.runs import withdraw_shards
from visionml.serving.predictions import Predictions

NOT_FOUND_BY_IMAGE = (
    "Rows of batch runs are deleted. Predictions that callers asked for name no image, so none can"
    " be found by it: they expire after {days} days, and so do other rows for queries, which hold"
    " an image's id or hash and neither image nor owner."
)
_ROWS = (
    'SELECT prediction_id, "date", run_id FROM predictions'
    " WHERE image_sha256 = :upload OR image_sha256 = :content OR strpos(input_key, :image) > 0"
)
MODELS_STAY = (
    "Models were not changed. One without the image comes of training again on the same version of"
    " the dataset, which leaves the image out, and of promoting what that gives."
)


class Forgotten(Card):
    """What was deleted of an image, or would be, and what it leaves behind.

    ``deleted`` counts versions of objects by what they are, ``models`` are those that came of
    datasets that held the image, ``alike`` other images whose file was the same.
    """

    def __init__(
        self,
        record: ImageRecord,
        *,
        done: bool,
        deleted: dict[str, int],
        held: list[Holding],
        models: pd.DataFrame,
        alike: tuple[str, ...],
        results_days: int,
    ) -> None:
        versions = [f"{each.record.dataset}@{each.record.version}" for each in held]
        named = [_named(row) for row in models.to_dict("records") if row["the model"] != WITHOUT]
        rows = {
            "deleted" if done else "would be deleted": told(deleted),
            "record": f"{record.processing_status.value}, sent at {moment_text(record.timestamp)}",
            "datasets that held it": ", ".join(versions) or "none",
            "models that knew it": ", ".join(dict.fromkeys(named)) or "none",
        }
        if named:
            rows["what of them"] = MODELS_STAY
        if alike:
            rows["same file, still there"] = ", ".join(alike)
        rows["predictions"] = NOT_FOUND_BY_IMAGE.format(days=results_days)
        super().__init__(f"Image {record.image_id}", rows)
        self.record, self.done, self.deleted = record, done, deleted
        self.datasets, self.models, self.alike = versions, models, alike


class Forgetter:
    """Forgets the images of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        versions = ObjectVersions(platform.aws.s3)
        self._intake = Forgetting(
            versions,
            Table(platform.aws.dynamodb, platform.names.images_table, keys=KEYS),
            images_bucket=platform.bucket("images"),
            originals_bucket=platform.bucket("originals"),
        )
        self._holders = Holders(
            platform.objects,
            versions,
            raw_bucket=platform.bucket("raw"),
            datasets_bucket=platform.bucket("datasets"),
        )
        table = Table(platform.aws.dynamodb, platform.names.predictions_table)
        days = platform.settings.retention.results_days
        self._rows = Rows(
            versions,
            platform.objects.read_bytes,
            platform.bucket("results"),
            forget=Predictions(table, days=days).forget,
        )

    def plan(self, image: str) -> Forgotten:
        """Return what `forget` would do, and do nothing.

        Raises
        ------
        NotFound
            Nothing is known of such an image.
        """
        records, held, alike = self._known(image)
        lying = self._intake.lying(image, records)
        deleted = Counter({kind: len(found) for kind, found in lying.items()})
        for each in held:
            record = each.record
            deleted[COPIES] += len(self._holders.copies(each.entry))
            shards = self._holders.shards(record.dataset, record.version)
            deleted[SHARD_FILES] += len(shards)
        deleted[ROWS] = len(self._of_batches(image, records))
        if not records and not lying:
            raise _unknown(image)
        return self._told(image, records, held, alike, deleted=deleted, done=False)

    def forget(self, image: str) -> Forgotten:
        """Delete an image wherever it lies; done again, or after an interruption, it goes on.

        Raises
        ------
        NotFound
            Nothing is known of such an image.
        AccessDenied
            Who asks may not delete all of it; what could be deleted before is deleted.
        """
        records, held, alike = self._known(image)
        if not records and not self._intake.lying(image, records):
            raise _unknown(image)
        self._intake.mark(image, records)
        deleted: Counter[str] = Counter()
        now = datetime.now(UTC)
        for each in held:
            dataset, version = each.record.dataset, each.record.version
            withdraw_shards(self._platform.lineage, dataset, version)
            deleted.update(
                self._holders.forget(dataset, version, each.entry, image_id=image, now=now)
            )
        deleted[ROWS] = self._rows.delete(self._of_batches(image, records))
        deleted.update(self._intake.delete(image, records))
        left = self._intake.bury(image, records, deleted=deleted)
        return self._told(image, [left], held, alike, deleted=deleted, done=True)

    def _known(self, image: str) -> tuple[list[ImageRecord], list[Holding], tuple[str, ...]]:
        """Return an image's records, the versions that hold it, and images of the same file."""
        records = self._intake.records(image)
        catalog = self._platform.catalog
        held = [each for record in records for each in image_lineage.holdings(catalog, record)]
        unique = {(each.node, each.entry.key): each for each in held}
        hashes = {record.upload_hash for record in records if record.upload_hash}
        alike = {
            other.image_id
            for sha256 in hashes
            for other in self._platform.images.of_upload(sha256)
            if other.processing_status != ProcessingStatus.FORGOTTEN
        }
        return records, list(unique.values()), tuple(sorted(alike - {image}))

    def _of_batches(self, image: str, records: list[ImageRecord]) -> list[Found]:
        """Return the rows of batch runs that are of an image, by its hashes or its id."""
        newest = records[-1] if records else _nameless(image)
        found = Queries(self._platform).run(
            _ROWS,
            upload=newest.upload_hash or image,
            content=newest.content_hash or image,
            image=image,
        )
        return [Found(*map(str, row)) for row in found.itertuples(index=False)]

    def _told(
        self,
        image: str,
        records: list[ImageRecord],
        held: list[Holding],
        alike: tuple[str, ...],
        *,
        deleted: Counter[str],
        done: bool,
    ) -> Forgotten:
        record = records[-1] if records else _nameless(image)
        graph = image_lineage.graph(self._platform, record, held)
        return Forgotten(
            record,
            done=done,
            deleted={kind: count for kind, count in deleted.items() if count},
            held=held,
            models=image_lineage.models(graph, held),
            alike=alike,
            results_days=self._platform.settings.retention.results_days,
        )


def _named(row: Mapping[Any, Any]) -> str:
    """Return a model, or a run that left one without registering it, as people are told."""
    kind = "" if row["registered"] else ", not registered"
    return f"{row['model']} ({row['the model']}{kind})"


def _nameless(image: str) -> ImageRecord:
    """Return what stands for an image that lies in S3 and has no record."""
    return ImageRecord(
        image_id=image,
        timestamp=datetime.now(UTC),
        processing_status=ProcessingStatus.VANISHED,
        file_size=0,
        image_format="",
        reason="It has no record.",
    )


def _unknown(image: str) -> NotFound:
    return NotFound(
        f"Nothing is known of an image {image!r}.",
        hint="`visionml images` lists the images of an environment.",
    )
