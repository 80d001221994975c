"""A baseline of a registered version, from the data that it was judged on."""

from visionml.contracts.registry import VersionRecord
from visionml.monitoring.baseline import Baseline, fit
from visionml.monitoring.reference import Model, Store, reference, shards


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
