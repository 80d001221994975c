"""Import images as a dataset version: the images to S3, then the files that name them.

Keys carry the hash of the image, so an object is never replaced and every version stays what it
was. ``dataset.json`` is written last and only once: without it, there is no version to be found.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pydantic import TypeAdapter, ValidationError

from visionml.aws import events
from visionml.aws.s3 import Objects, uri
from visionml.aws.session import Aws
from visionml.contracts import layout
from visionml.contracts.dataset import DatasetName, DatasetRecord, ManifestEntry
from visionml.contracts.events import DATASET_READY, DATASET_SOURCE, DatasetReady
from visionml.dataset.manifest import (
    counts_of,
    lines_text,
    manifest_text,
    objects_text,
    version_of,
)
from visionml.dataset.scan import Progress, Scan, ScannedImage, scan
from visionml.dataset.sources import Where, find, written
from visionml.dataset.splits import DEFAULT_FRACTIONS, Candidate, Fractions, assign, checked
from visionml.errors import Conflict, InvalidInput, NotFound
from visionml.imaging.inspect import Limits

_UPLOADS = 16  # at once; one client connection each
_HASH_CHARACTERS = 12


def import_source(
    source: Where,
    *,
    dataset: str,
    raw_bucket: str,
    datasets_bucket: str,
    aws: Aws,
    seed: int = 0,
    fractions: Fractions = DEFAULT_FRACTIONS,
    group_pattern: str | None = None,
    limits: Limits | None = None,
    on_progress: Progress | None = None,
) -> DatasetRecord:
    """Make a dataset version of `source`, announce it on the event bus and return its record.

    `source` is a folder or an ``s3://`` prefix with one folder per class, several that are a class
    each, or a manifest: see `visionml.dataset.sources`. Importing the same again gives the same
    version, with the record of the first time; only what is missing in the buckets is uploaded.
    Images of one group stay on one side of the split: the manifest names it, or the file's path
    gives it by `group_pattern` (a regular expression: its first group, or all of the match).

    Raises
    ------
    DatasetInvalid
        The source cannot become a dataset: see `visionml.dataset.scan` and `.splits`.
    NotFound
        A bucket does not exist.
    Unavailable
        The version is made, but could not be announced; importing again announces it.
    """
    _check_name(dataset)
    pattern = _compiled(group_pattern)
    objects = Objects(aws.s3)
    present = _keys(objects, raw_bucket, layout.raw_images(dataset))
    _keys(objects, datasets_bucket, layout.manifest_folder(dataset, "-"))
    limits = limits or Limits()
    scanned = scan(find(source, objects), limits=limits, on_progress=on_progress)
    keys = [_key(dataset, image) for image in scanned.images]
    entries = _entries(scanned.images, keys, pattern, seed=seed, fractions=fractions)
    missing = [
        (image, key) for image, key in zip(scanned.images, keys, strict=True) if key not in present
    ]
    _upload(missing, raw_bucket, objects, limits=limits, on_progress=on_progress)
    record = _publish(
        entries,
        scanned,
        dataset=dataset,
        source=written(source),
        seed=seed,
        raw_bucket=raw_bucket,
        datasets_bucket=datasets_bucket,
        objects=objects,
    )
    ready = DatasetReady(
        dataset=dataset,
        version=record.version,
        created=record.created,
        images=record.images,
        classes=len(record.classes),
    )
    events.publish(aws.events, ready, source=DATASET_SOURCE, kind=DATASET_READY)
    return record


def _check_name(dataset: str) -> None:
    try:
        TypeAdapter(DatasetName).validate_python(dataset)
    except ValidationError:
        raise InvalidInput(
            f"{dataset!r} is no name for a dataset.",
            hint="Use lower-case letters, digits and hyphens, at most 63, such as digits.",
        ) from None


def _compiled(group_pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if group_pattern is None else re.compile(group_pattern)
    except re.error as error:
        raise InvalidInput(
            f"The group pattern {group_pattern!r} is not a regular expression: {error}."
        ) from error


def _keys(objects: Objects, bucket: str, prefix: str) -> set[str]:
    try:
        return set(objects.keys(uri(bucket, prefix)))
    except NotFound as error:
        raise NotFound(
            f"The bucket {bucket} does not exist.",
            hint="Run `visionml deploy` for this environment first.",
        ) from error


def _key(dataset: str, image: ScannedImage) -> str:
    path = PurePosixPath(image.file.path)
    name = f"{path.stem}.{image.sha256[:_HASH_CHARACTERS]}{path.suffix}"
    return layout.raw_image(dataset, image.label, path.with_name(name).as_posix())


def _entries(
    images: Sequence[ScannedImage],
    keys: Sequence[str],
    pattern: re.Pattern[str] | None,
    *,
    seed: int,
    fractions: Fractions,
) -> list[ManifestEntry]:
    groups = [_group(image, pattern) for image in images]
    candidates = [
        Candidate(key, image.label, image.sha256, group)
        for image, key, group in zip(images, keys, groups, strict=True)
    ]
    given = {
        key: image.file.split for image, key in zip(images, keys, strict=True) if image.file.split
    }
    splits = (
        checked(candidates, given) if given else assign(candidates, seed=seed, fractions=fractions)
    )
    return [
        ManifestEntry(
            key=key,
            label=image.label,
            split=splits[key],
            sha256=image.sha256,
            group=group,
            width=image.facts.upright_size[0],
            height=image.facts.upright_size[1],
            format=image.facts.format,
            bytes=image.bytes,
        )
        for image, key, group in zip(images, keys, groups, strict=True)
    ]


def _group(image: ScannedImage, pattern: re.Pattern[str] | None) -> str | None:
    if image.file.group is not None:
        return image.file.group
    found = pattern.search(image.file.path) if pattern else None
    if found is None:
        return None
    return found.group(1) if found.re.groups else found.group()


def _upload(
    missing: Sequence[tuple[ScannedImage, str]],
    bucket: str,
    objects: Objects,
    *,
    limits: Limits,
    on_progress: Progress | None,
) -> None:
    def send(item: tuple[ScannedImage, str]) -> None:
        image, key = item
        content = image.file.read(limits.bytes)
        objects.write(uri(bucket, key), content, content_type=f"image/{image.facts.format}")

    with ThreadPoolExecutor(_UPLOADS, thread_name_prefix="upload") as pool:
        try:
            for done, _ in enumerate(pool.map(send, missing), start=1):
                if on_progress:
                    on_progress("upload", done, len(missing))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # the first failure ends it, not the last
            raise


def _publish(
    entries: Sequence[ManifestEntry],
    scanned: Scan,
    *,
    dataset: str,
    source: str,
    seed: int,
    raw_bucket: str,
    datasets_bucket: str,
    objects: Objects,
) -> DatasetRecord:
    text = manifest_text(entries)
    record = DatasetRecord(
        dataset=dataset,
        version=version_of(text),
        created=datetime.now(UTC),
        source=source,
        classes=tuple(sorted({entry.label for entry in entries})),
        counts=counts_of(entries),
        refused=len(scanned.refused),
        seed=seed,
    )
    folder = uri(datasets_bucket, layout.manifest_folder(dataset, record.version))
    record_uri = folder + layout.DATASET_RECORD
    if objects.exists(record_uri):
        return DatasetRecord.model_validate_json(objects.read_bytes(record_uri))
    keys = [entry.key for entry in entries]
    listing = objects_text(keys, bucket=raw_bucket, prefix=layout.raw_images(dataset))
    objects.write(folder + layout.MANIFEST, text)
    objects.write(folder + layout.REFUSED, lines_text(scanned.refused))
    objects.write(folder + layout.OBJECTS, listing, content_type="application/json")
    try:
        objects.write(
            record_uri, record.model_dump_json(), content_type="application/json", new=True
        )
    except Conflict:  # somebody imported the same meanwhile
        return DatasetRecord.model_validate_json(objects.read_bytes(record_uri))
    return record
