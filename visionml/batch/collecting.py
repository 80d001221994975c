"""The answers of a transform job, joined again with what they are for."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from visionml.batch.outcomes import Answer, Outcome
from visionml.batch.predicting import VARIANT
from visionml.batch.store import Store
from visionml.contracts.batch import BatchInput, BatchPlan, transform_output_key
from visionml.contracts.inference import BatchPrediction, ContainerPrediction, ErrorBody
from visionml.errors import InvalidInput


def collected(
    plan: BatchPlan, part: int, sources: Sequence[BatchInput], store: Store
) -> list[Outcome]:
    """Return what a transform job answered to each of a part's images, in their order.

    Raises
    ------
    NotFound
        The job left no answers to this part.
    InvalidInput
        What it left is something else, or not of as many images.
    """
    address = store.at(transform_output_key(plan.run_id, part))
    found: list[Outcome] = []
    for number, line in enumerate(store.objects.read_bytes(address).splitlines(), 1):
        try:
            found += map(_outcome, _entries(line))
        except (ValueError, ValidationError) as error:
            raise InvalidInput(
                f"Line {number} of {address} holds no predictions.",
                hint="Check which container the transform job ran.",
            ) from error
    if len(found) != len(sources):
        raise InvalidInput(
            f"{address} answers {len(found)} images of {len(sources)}.",
            hint="Start the run again: the part is transformed anew.",
        )
    return found


def _entries(line: bytes) -> Sequence[ContainerPrediction | ErrorBody]:
    value: Any = json.loads(line)
    if isinstance(value, dict) and "SageMakerOutput" in value:  # JoinSource adds the input
        value = value["SageMakerOutput"]
    return BatchPrediction.model_validate(value).predictions


def _outcome(entry: ContainerPrediction | ErrorBody) -> Outcome:
    if isinstance(entry, ErrorBody):
        return entry.error
    return Answer(entry, VARIANT, None)
