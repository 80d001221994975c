"""A model's report on the holdout."""

import time

import numpy as np

from visionml.contracts.evaluation import EvaluationReport, Misread
from visionml.dataset.shards import Shards
from visionml.errors import InvalidInput
from visionml.evaluation.figures import confusion, figures, misread
from visionml.model.predict import Predictor

BATCH = 64
MISREAD_KEPT = 100


def evaluate(predictor: Predictor, holdout: Shards) -> EvaluationReport:
    """Read every holdout image with the model and report how well it did.

    Raises
    ------
    InvalidInput
        The holdout holds classes that the model does not know, or images of another size.
    """
    record = predictor.record
    number = {label: index for index, label in enumerate(record.classes)}
    unknown = sorted(set(holdout.labels) - number.keys())
    if unknown:
        raise InvalidInput(
            f"The holdout holds classes that the model does not know: {', '.join(unknown)}.",
            hint="Evaluate on the dataset version that the model was trained on.",
        )
    started = time.perf_counter()
    batches = np.array_split(np.arange(len(holdout)), -(-len(holdout) // BATCH))
    probabilities = np.concatenate(
        [predictor.probabilities(holdout.pixels(batch)) for batch in batches]
    )
    seconds = time.perf_counter() - started
    truth = np.array([number[label] for label in holdout.labels], np.int64)
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    counts = confusion(truth, predicted, classes=len(record.classes))
    found = figures(counts, record.classes)
    return EvaluationReport(
        model_version=record.version,
        dataset=record.dataset,
        dataset_version=record.dataset_version,
        images=len(holdout),
        accuracy=found.accuracy,
        macro_precision=found.macro_precision,
        macro_recall=found.macro_recall,
        macro_f1=found.macro_f1,
        classes=found.classes,
        confusion=counts.tolist(),
        misread=[
            Misread(
                key=holdout.rows[index].key,
                label=holdout.rows[index].label,
                predicted=record.classes[predicted[index]],
                probability=float(probabilities[index].max()),
            )
            for index in misread(truth, probabilities)[:MISREAD_KEPT]
        ],
        images_per_second=len(holdout) / seconds,
    )
