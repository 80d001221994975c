"""A baseline of a registered version, from the data that it was judged on."""

from pathlib import Path

from visionml.contracts.layout import ARTEFACT
from visionml.contracts.registry import VersionRecord
from visionml.model import artefact
from visionml.model.predict import Predictor
from visionml.monitoring.baseline import Baseline, fit
from visionml.monitoring.reference import Model, Store, reference, shards


def opened(store: Store, record: VersionRecord, folder: Path) -> Predictor:
    """Return a registered version, ready to answer; `folder` is needed until then."""
    archive, unpacked = folder / ARTEFACT, folder / "model"
    archive.write_bytes(store.read_bytes(record.artefact))
    artefact.unpack(archive, unpacked)
    return Predictor(unpacked)


def make(
    model: Model,
    store: Store,
    *,
    bucket: str,
    record: VersionRecord,
    most: int,
    false_alarm_rate: float,
) -> Baseline:
    """Return the baseline of a version, from `most` images of its validation and holdout data.

    Raises
    ------
    NotFound
        Its shards are gone.
    """
    parts = shards(
        store,
        bucket,
        dataset=record.dataset,
        version=record.dataset_version,
        size=model.record.input.height,
        most=most,
    )
    window = reference(model, parts)
    return fit(window, model_version=record.version, false_alarm_rate=false_alarm_rate)
