"""The model that serves, as it reads the holdout of a new one."""

import os
import tempfile
from pathlib import Path

from visionml.contracts.evaluation import Comparison
from visionml.contracts.model import ModelRecord
from visionml.dataset.shards import Shards
from visionml.errors import VisionmlError
from visionml.evaluation.bootstrap import generator
from visionml.evaluation.comparison import compare, incomparable
from visionml.evaluation.reading import Reading, read
from visionml.model import artefact
from visionml.model.predict import Predictor

UNKNOWN = "of an unknown version"


def challenge(
    archive: Path, holdout: Shards, *, reading: Reading, record: ModelRecord
) -> Comparison:
    """Compare a new model, its `record` and its `reading` of the holdout, with the serving one.

    A serving model that cannot be read, or that answers another question, does not fail the
    evaluation: the comparison says so, and the new model is not recommended by it.
    """
    version = UNKNOWN
    with tempfile.TemporaryDirectory() as folder:
        try:
            champion = artefact.unpack(archive, Path(folder))
            version = champion.version
            why = _incomparable(champion, record)
            if why:
                return incomparable(version, why)
            predictor = Predictor(Path(folder), threads=os.cpu_count() or 1)
            theirs = read(predictor, holdout)
        except VisionmlError as error:
            return incomparable(version, error.message.rstrip("."))
    return compare(
        reading.right,
        theirs.right,
        champion_version=version,
        rng=generator(),
        caveat=_caveat(champion, record),
    )


def _incomparable(champion: ModelRecord, record: ModelRecord) -> str:
    """Return why two models cannot read the same images for the same purpose, or nothing."""
    if champion.version == record.version:
        return "it is the same model"
    lost, added = (
        sorted(set(one.classes) - set(other.classes))
        for one, other in ((champion, record), (record, champion))
    )
    if lost or added:
        changes = (("no longer has", lost), ("adds", added))
        told = " and ".join(f"{what} {', '.join(names)}" for what, names in changes if names)
        return f"the classes differ, as the new model {told}"
    sizes = [(each.input.height, each.input.width) for each in (champion, record)]
    if sizes[0] != sizes[1]:
        (old_height, old_width), (height, width) = sizes
        return (
            f"it takes images of {old_height} x {old_width} pixels, and the holdout is prepared "
            f"with {height} x {width}"
        )
    return ""


def _caveat(champion: ModelRecord, record: ModelRecord) -> str:
    trained_on = f"{champion.dataset}@{champion.dataset_version}"
    if trained_on == f"{record.dataset}@{record.dataset_version}":
        return ""
    return f"; it was trained on {trained_on}, which may hold some of these holdout images"
