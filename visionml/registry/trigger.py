"""Runs that nobody starts by hand: from an event to a training request."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from visionml.contracts.dataset import DatasetName, DatasetRecord
from visionml.contracts.events import (
    DATASET_READY,
    DATASET_SOURCE,
    DRIFT_DETECTED,
    MONITORING_SOURCE,
    DatasetReady,
    DriftDetected,
)
from visionml.contracts.model import default_image_size
from visionml.contracts.training import TrainingRequest, new_run_id
from visionml.errors import InvalidInput


class RunTemplate(BaseModel):
    """What the requests of such runs have in common."""

    model_config = ConfigDict(frozen=True)

    dataset: DatasetName | None = None
    """What a schedule trains on."""
    architecture: str
    image_size: int | None = None
    hyperparameters: dict[str, str]


def request_of(
    event: dict[str, Any], template: RunTemplate, *, latest: Callable[[str], DatasetRecord]
) -> TrainingRequest:
    """Return the request that follows from EventBridge's event.

    The same event always gives the same run id, and so do all events about one dataset version:
    an event that is delivered twice starts one run. `latest` returns a dataset's newest version.

    Raises
    ------
    InvalidInput
        The event is none of a schedule, a dataset and a drift, or says too little.
    NotFound
        The dataset has no version.
    """
    try:
        if (event["source"], event["detail-type"]) == (DATASET_SOURCE, DATASET_READY):
            ready = DatasetReady.model_validate(event["detail"])
            name, version, moment = ready.dataset, ready.version, ready.created
            cause = f"{name}@{version}"
        elif (event["source"], event["detail-type"]) == (MONITORING_SOURCE, DRIFT_DETECTED):
            drift = DriftDetected.model_validate(event["detail"])
            record = latest(drift.dataset)
            name, version = record.dataset, record.version
            moment, cause = drift.time, drift.report_id
        elif event["source"] == "aws.events" and template.dataset:
            record = latest(template.dataset)
            name, version = record.dataset, record.version
            moment, cause = datetime.fromisoformat(event["time"]), str(event["id"])
        else:
            raise InvalidInput(f"Events of {event['source']!r} start no training.")
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise InvalidInput(f"The event says too little to train on it: {error}.") from error
    token = hashlib.sha256(cause.encode()).hexdigest()[:4]
    return TrainingRequest(
        run_id=new_run_id(moment, token=token),
        dataset=name,
        dataset_version=version,
        architecture=template.architecture,
        image_size=template.image_size or default_image_size(template.architecture),
        hyperparameters=template.hyperparameters,
    )
