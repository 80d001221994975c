"""Datasets: import a folder, look at versions and images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd

from visionml.contracts.dataset import SPLITS, DatasetRecord, ManifestEntry, Split
from visionml.dataset.drawn.collection import IMAGES, SEED, write_animals
from visionml.dataset.importer import import_source
from visionml.dataset.samples import write_digits
from visionml.dataset.scan import Progress
from visionml.dataset.sources import Where
from visionml.desks.platform import Platform
from visionml.imaging.inspect import Limits
from visionml.registry.lineage import record_dataset

SAMPLES: Mapping[str, Callable[[Path], Path]] = {
    "animals": write_animals,
    "digits": write_digits,
}
"""The sets of `data_samples` by name: each writes its files into a folder and returns it."""


class Sample(NamedTuple):
    """One image of a dataset, as it was imported."""

    entry: ManifestEntry
    content: bytes


class Dataset:
    """One version of a dataset."""

    def __init__(self, platform: Platform, record: DatasetRecord) -> None:
        self._catalog = platform.catalog
        self.record = record

    def __repr__(self) -> str:
        record = self.record
        return f"<Dataset {record.dataset}@{record.version}: {record.images} images>"

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.record.dataset

    @property
    def version(self) -> str:
        """The version: the hash of the manifest."""
        return self.record.version

    def counts(self) -> pd.DataFrame:
        """Return the images by class (rows) and split (columns), with their sums."""
        frame = pd.DataFrame(self.record.counts, columns=pd.Index(SPLITS)).fillna(0).astype(int)
        frame.index.name = "class"
        frame["all"] = frame.sum(axis="columns")
        return frame.sort_index()

    def manifest(self) -> pd.DataFrame:
        """Return the manifest: one row per accepted image."""
        return pd.DataFrame([entry.model_dump() for entry in self._entries()])

    def refused(self) -> pd.DataFrame:
        """Return the files that were left out, and why."""
        found = self._catalog.refused(self.name, self.version)
        rows = [item.model_dump() for item in found]
        return pd.DataFrame(rows, columns=pd.Index(["file", "reason", "detail"]))

    def forgotten(self) -> pd.DataFrame:
        """Return the images that were deleted on request since the import."""
        found = self._catalog.forgotten(self.name, self.version)
        rows = [(each.key, each.image_id, each.forgotten) for each in found.values()]
        return pd.DataFrame(rows, columns=pd.Index(["key", "image", "forgotten"]))

    def samples(self, per_class: int = 4, *, split: Split = "train") -> list[Sample]:
        """Return images of one side of the split: the first of each class, then the second..."""
        chosen: dict[str, list[ManifestEntry]] = {label: [] for label in self.record.classes}
        for entry in self._entries():
            if entry.split == split and len(chosen[entry.label]) < per_class:
                chosen[entry.label].append(entry)
        rounds = zip_longest(*chosen.values())
        return self._read([entry for together in rounds for entry in together if entry])

    def images(self, keys: Sequence[str]) -> list[Sample]:
        """Return the images with these keys, in the order given, without forgotten ones."""
        known = {entry.key: entry for entry in self._entries()}
        return self._read([known[key] for key in keys])

    def _entries(self) -> list[ManifestEntry]:
        return self._catalog.entries(self.name, self.version)

    def _read(self, entries: Sequence[ManifestEntry]) -> list[Sample]:
        gone = self._catalog.lost(self.name, self.version)
        kept = [entry for entry in entries if entry.sha256 not in gone]
        return [Sample(entry, self._catalog.image(entry)) for entry in kept]


class Datasets:
    """The dataset versions of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def import_source(
        self,
        source: Where,
        *,
        name: str,
        seed: int = 0,
        group_pattern: str | None = None,
        on_progress: Progress | None = None,
    ) -> Dataset:
        """Make a dataset version of a folder or an ``s3://`` prefix with one folder per class.

        A manifest, a CSV file with the columns ``path`` and ``label``, does as well, and so do
        several folders or prefixes that are a class each, such as the detector's ``cats/`` and
        ``dogs/``. ``animals`` and ``digits`` are the sample sets, where no folder is called so.
        The same source again gives the same version. See `visionml.dataset.sources` and
        `.importer`.
        """
        limits = self._platform.settings.images
        with _written(source) as files:
            record = import_source(
                files,
                dataset=name,
                raw_bucket=self._platform.bucket("raw"),
                datasets_bucket=self._platform.bucket("datasets"),
                aws=self._platform.aws,
                seed=seed,
                group_pattern=group_pattern,
                limits=Limits(bytes=limits.upload_limit_bytes, pixels=limits.pixel_limit),
                on_progress=on_progress,
            )
        record_dataset(self._platform.lineage, record)
        return Dataset(self._platform, record)

    def write_digits(self, folder: Path | str) -> Path:
        """Write the 1,797 sample scans as files, one folder per digit, and return the folder."""
        return write_digits(Path(folder))

    def write_animals(self, folder: Path | str, *, images: int = IMAGES, seed: int = SEED) -> Path:
        """Draw cats, dogs and other things as files, one folder per class, and return the folder.

        The same seed draws the same pictures.
        """
        return write_animals(Path(folder), images=images, seed=seed)

    def open(self, name: str, version: str | None = None) -> Dataset:
        """Return a version of a dataset, by default the newest.

        Raises
        ------
        NotFound
            There is none.
        """
        catalog = self._platform.catalog
        record = catalog.record(name, version) if version else catalog.latest(name)
        return Dataset(self._platform, record)

    def versions(self, name: str | None = None) -> pd.DataFrame:
        """Return the versions of all datasets or of one, the newest first."""
        return pd.DataFrame(
            [
                {
                    "dataset": record.dataset,
                    "version": record.version,
                    "created": record.created.replace(microsecond=0),
                    "images": record.images,
                    "classes": len(record.classes),
                    "refused": record.refused,
                }
                for record in self._platform.catalog.versions(name)
            ]
        )


@contextmanager
def _written(source: Where) -> Iterator[Where]:
    """Give a sample set that is named as files, and any other source as it is."""
    named = source[0] if isinstance(source, Sequence) and len(source) == 1 else source
    if not isinstance(named, str) or named not in SAMPLES or Path(named).exists():
        yield source
        return
    with TemporaryDirectory() as folder:
        yield SAMPLES[named](Path(folder) / named)
