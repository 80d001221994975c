"""Read back what imports left: versions, their manifests, their images."""

from collections.abc import Collection, Iterator

from visionml.aws.s3 import Objects, uri
from visionml.aws.session import Aws
from visionml.contracts import layout
from visionml.contracts.dataset import DatasetRecord, ForgottenImage, ManifestEntry, RefusedImage
from visionml.dataset.forgotten import hashes
from visionml.dataset.manifest import parse_manifest
from visionml.errors import NotFound


def versions(objects: Objects, bucket: str, dataset: str | None = None) -> list[DatasetRecord]:
    """Return the records of all versions in a bucket, or of one dataset's, the newest first."""
    prefix = "manifests/" if dataset is None else f"manifests/{dataset}/"
    records = [
        DatasetRecord.model_validate_json(objects.read_bytes(uri(bucket, key)))
        for key in objects.keys(uri(bucket, prefix))
        if key.endswith(f"/{layout.DATASET_RECORD}")
    ]
    return sorted(records, key=lambda record: record.created, reverse=True)


def latest(objects: Objects, bucket: str, dataset: str) -> DatasetRecord:
    """Return the record of a dataset's newest version.

    Raises
    ------
    NotFound
        The dataset has no version.
    """
    found = versions(objects, bucket, dataset)
    if not found:
        raise NotFound(
            f"The dataset {dataset!r} has no version in {bucket}.",
            hint=f"Run `visionml dataset import FOLDER --name {dataset}`.",
        )
    return found[0]


class Catalog:
    """The dataset versions of one environment."""

    def __init__(self, aws: Aws, *, raw_bucket: str, datasets_bucket: str) -> None:
        self._objects = Objects(aws.s3)
        self._raw_bucket = raw_bucket
        self._datasets_bucket = datasets_bucket

    def versions(self, dataset: str | None = None) -> list[DatasetRecord]:
        """Return the records of all versions, or of one dataset's, the newest first."""
        return versions(self._objects, self._datasets_bucket, dataset)

    def latest(self, dataset: str) -> DatasetRecord:
        """Return the record of a dataset's newest version.

        Raises
        ------
        NotFound
            The dataset has no version.
        """
        return latest(self._objects, self._datasets_bucket, dataset)

    def record(self, dataset: str, version: str) -> DatasetRecord:
        """Return one version's record.

        Raises
        ------
        NotFound
            There is no such version.
        """
        return DatasetRecord.model_validate_json(
            self._read(dataset, version, layout.DATASET_RECORD)
        )

    def entries(self, dataset: str, version: str) -> list[ManifestEntry]:
        """Return one version's manifest, sorted by key."""
        text = self._read(dataset, version, layout.MANIFEST).decode()
        return parse_manifest(text, where=f"the manifest of {dataset} {version}")

    def refused(self, dataset: str, version: str) -> list[RefusedImage]:
        """Return the files that the version's first import left out, and why."""
        text = self._read(dataset, version, layout.REFUSED).decode()
        return [RefusedImage.model_validate_json(line) for line in text.splitlines()]

    def holding(self, contents: Collection[str]) -> Iterator[tuple[DatasetRecord, ManifestEntry]]:
        """Yield each version that holds an image of one of these SHA-256, and its entry.

        Every manifest is read, as a stream.
        """
        for record in self.versions() if contents else ():
            folder = layout.manifest_folder(record.dataset, record.version)
            manifest = uri(self._datasets_bucket, f"{folder}{layout.MANIFEST}")
            for line in self._objects.lines(manifest):
                if any(each in line for each in contents):
                    (entry,) = parse_manifest(line, where=manifest)
                    if entry.sha256 in contents:
                        yield record, entry

    def forgotten(self, dataset: str, version: str) -> dict[str, ForgottenImage]:
        """Return which images of a version were deleted on request, by their SHA-256."""
        return {
            sha256: ForgottenImage.model_validate_json(
                self._read(dataset, version, f"{layout.FORGOTTEN}{sha256}.json")
            )
            for sha256 in self.lost(dataset, version)
        }

    def lost(self, dataset: str, version: str) -> frozenset[str]:
        """Return the SHA-256 of the images of a version that were deleted on request."""
        folder = f"{layout.manifest_folder(dataset, version)}{layout.FORGOTTEN}"
        return hashes(self._objects.keys(uri(self._datasets_bucket, folder)))

    def image(self, entry: ManifestEntry) -> bytes:
        """Return the original bytes of one image."""
        return self._objects.read_bytes(uri(self._raw_bucket, entry.key))

    def _read(self, dataset: str, version: str, file: str) -> bytes:
        address = uri(self._datasets_bucket, layout.manifest_folder(dataset, version) + file)
        try:
            return self._objects.read_bytes(address)
        except NotFound as error:
            raise NotFound(
                f"There is no version {version!r} of the dataset {dataset!r}.",
                hint="`visionml dataset list` names the versions.",
            ) from error
