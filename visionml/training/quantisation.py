"""Whether a trained model becomes int8: only if it stays as accurate as was asked for."""

import logging

import numpy as np
import onnxruntime

from visionml.contracts.model import QuantisationRecord
from visionml.model.quantise import to_int8
from visionml.training.data import Split, TrainingData
from visionml.training.hyperparameters import Hyperparameters

CALIBRATION_IMAGES = 256
_BATCH = 16  # every activation of a batch is in memory at once

log = logging.getLogger(__name__)


def quantised(
    graph: bytes, data: TrainingData, settings: Hyperparameters
) -> tuple[bytes, QuantisationRecord | None]:
    """Return the graph to ship and what was decided; None when int8 was not asked for.

    A graph that cannot be quantised is shipped as it is: the training is not lost, and the
    record says why.
    """
    if settings.quantise == "none":
        return graph, None
    random = np.random.default_rng(settings.seed)
    count = min(CALIBRATION_IMAGES, len(data.train))
    chosen = np.sort(random.choice(len(data.train), count, replace=False))
    batches = data.train.batches(np.array_split(chosen, -(-count // _BATCH)))
    before = accuracy(graph, data.validation)
    limit = settings.maximum_quantisation_loss
    try:
        made = to_int8(graph, (images.numpy() for images, _ in batches))
        after = accuracy(made, data.validation)
    except Exception as error:  # its reasons are as many as there are layers
        log.exception("The graph cannot be quantised.")
        reason = f"it cannot be quantised: {type(error).__name__}: {error}"
        return graph, QuantisationRecord(
            kept=False, reason=reason[:500], float_accuracy=before, maximum_loss=limit
        )
    loss = 100 * (before - after)
    record = QuantisationRecord(
        kept=loss <= limit,
        reason=f"it loses {loss:.2f} points of accuracy; {limit:g} are allowed",
        float_accuracy=before,
        int8_accuracy=after,
        maximum_loss=limit,
        calibration_images=count,
    )
    log.info("int8=%s %s", "kept" if record.kept else "refused", record.reason)
    return (made if record.kept else graph), record


def accuracy(graph: bytes, split: Split) -> float:
    """Return the share of a split's images that a graph reads rightly."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    parts = np.array_split(np.arange(len(split)), -(-len(split) // _BATCH))
    right = 0
    for images, targets in split.batches(parts):
        (logits,) = session.run(["logits"], {"pixels": images.numpy()})
        right += int((logits.argmax(1) == targets.numpy()).sum())
    return right / len(split)
