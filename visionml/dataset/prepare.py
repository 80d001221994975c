"""The preparation job: a manifest and its images become model-ready shards.

As a SageMaker processing job, ``prepare --image-size 32`` reads ``processing/input/{manifest,
images}`` and writes ``processing/output/{train,validation,holdout}``. Several instances share the
work by key: each prepares the images it was given and numbers its shards by its host.
"""

import argparse
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from visionml.contracts import layout
from visionml.contracts.container import MlFolder, run_job
from visionml.contracts.dataset import ManifestEntry
from visionml.contracts.preparation import shard_name
from visionml.dataset.cutting import cut, decoded
from visionml.dataset.forgotten import hashes, without
from visionml.dataset.manifest import parse_manifest
from visionml.dataset.shards import write_shard
from visionml.errors import DatasetInvalid

log = logging.getLogger(__name__)
_TOLD = "split=%s shard=%s images=%d omitted=%d"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job in this process; return its exit code."""
    parser = argparse.ArgumentParser("prepare", description=__doc__)
    parser.add_argument("--image-size", type=int, required=True, help="height and width, pixels")
    options = parser.parse_args(arguments)
    ml = MlFolder.read()
    return run_job(
        lambda: prepare(
            manifest=ml.processing / "input" / "manifest" / layout.MANIFEST,
            images=ml.processing / "input" / "images",
            output=ml.processing / "output",
            image_size=options.image_size,
            host=ml.processing_host(),
        ),
        reason_file=ml.message,
    )


def prepare(
    *, manifest: Path, images: Path, output: Path, image_size: int, host: tuple[int, int] = (0, 1)
) -> int:
    """Write the shards of the images below `images`, and return how many images they hold.

    `host` is this host's index and the number of hosts. Images that were forgotten are left out,
    and recorded by the first host.

    Raises
    ------
    DatasetInvalid
        An image is not in the manifest or is not the one that was imported, cannot be decoded,
        or, on a single host, is missing.
    """
    started = time.perf_counter()
    entries = _read(manifest)
    left_out = hashes(path.name for path in (manifest.parent / layout.FORGOTTEN).glob("*.json"))
    paths = _here(entries, images, alone=host[1] == 1, forgotten=left_out)
    mine = [
        entry
        for entry in entries
        if (host[0] == 0 if entry.sha256 in left_out else entry.key in paths)
    ]
    prepared = 0
    for place, wanted in cut(mine, image_size=image_size):
        name = shard_name(place.number, host=host[0])
        rows, omissions = without(wanted, left_out)
        cooked = decoded(rows, lambda row: paths[row.key].read_bytes(), image_size=image_size)
        write_shard(output / place.split, name, cooked, rows, omissions=omissions)
        log.info(_TOLD, place.split, name, len(rows), len(omissions))
        prepared += len(rows)
    seconds = time.perf_counter() - started
    log.info("prepared=%d image_size=%d seconds=%.1f", prepared, image_size, seconds)
    return prepared


def _read(manifest: Path) -> list[ManifestEntry]:
    try:
        text = manifest.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DatasetInvalid(
            f"The manifest {manifest} does not exist.",
            hint="Point the manifest input at the dataset version's folder.",
        ) from None
    return parse_manifest(text, where=str(manifest))


def _here(
    entries: Sequence[ManifestEntry], images: Path, *, alone: bool, forgotten: frozenset[str]
) -> dict[str, Path]:
    """Return this host's files by their keys; on a single host only forgotten ones may miss."""
    by_key = {entry.key: entry for entry in entries}
    shared = _shared_prefix(by_key)
    found = {}
    for path in _files(images):
        name = path.relative_to(images).as_posix()
        key = name if name in by_key else shared + name
        if key not in by_key:
            raise DatasetInvalid(
                f"The image {name} is not in the manifest.",
                hint="Use the objects.manifest that lies beside the manifest.",
            )
        found[key] = path
    expected = {entry.key for entry in entries if entry.sha256 not in forgotten}
    if alone and (missing := expected - found.keys()):
        raise DatasetInvalid(
            f"{len(missing)} of {len(by_key)} images are missing, such as {min(missing)}.",
            hint="They may have outlived the raw bucket's retention: import the folder again.",
        )
    return found


def _shared_prefix(keys: dict[str, ManifestEntry]) -> str:
    """Return ``images/{dataset}/``, below which SageMaker lays the files of an object manifest."""
    first = next(iter(keys), "")
    return layout.raw_images(first.split("/")[1]) if first.count("/") > 1 else ""


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
