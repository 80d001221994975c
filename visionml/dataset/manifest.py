"""A dataset version's files: canonical text, so that equal content has an equal version."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ValidationError

from visionml.contracts.dataset import SPLITS, ManifestEntry, Split
from visionml.errors import DatasetInvalid

VERSION_CHARACTERS = 16


def manifest_text(entries: Iterable[ManifestEntry]) -> str:
    """Return one JSON line per entry, in the order of the keys."""
    in_order: list[ManifestEntry] = sorted(entries, key=lambda entry: entry.key)
    return lines_text(in_order)


def version_of(text: str) -> str:
    """Return the version of a manifest: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_CHARACTERS]


def parse_manifest(text: str, *, where: str) -> list[ManifestEntry]:
    """Read the lines of a manifest or of a shard's rows; `where` names the file in errors."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            entries.append(ManifestEntry.model_validate_json(line))
        except ValidationError as error:
            fault = error.errors()[0]
            raise DatasetInvalid(
                f"Line {number} of {where} is not a manifest entry: "
                f"{'.'.join(map(str, fault['loc'])) or 'line'}: {fault['msg']}.",
                hint="Import the dataset again.",
            ) from error
    return entries


def counts_of(entries: Iterable[ManifestEntry]) -> dict[Split, dict[str, int]]:
    """Count images by split and class, both in their canonical order."""
    counts: dict[Split, dict[str, int]] = {split: {} for split in SPLITS}
    for entry in entries:
        counts[entry.split][entry.label] = counts[entry.split].get(entry.label, 0) + 1
    return {split: dict(sorted(classes.items())) for split, classes in counts.items()}


def objects_text(keys: Sequence[str], *, bucket: str, prefix: str) -> str:
    """Return SageMaker's ManifestFile over objects below one prefix.

    The format: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
    """
    objects: list[object] = [{"prefix": f"s3://{bucket}/{prefix}"}]
    objects.extend(key.removeprefix(prefix) for key in sorted(keys))
    return json.dumps(objects)


def lines_text(records: Iterable[BaseModel]) -> str:
    """Return one canonical line of JSON per record, in the order given, in ASCII."""
    return "".join(
        json.dumps(record.model_dump(mode="json"), sort_keys=True, separators=(",", ":")) + "\n"
        for record in records
    )
