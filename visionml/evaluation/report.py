"""A model's report on the holdout."""

from pathlib import Path

from visionml.contracts.evaluation import (
    AtThreshold,
    ClassFigures,
    EvaluationReport,
    Interval,
    Misread,
    RocAuc,
    Threshold,
)
from visionml.dataset.shards import Shards
from visionml.evaluation import threshold
from visionml.evaluation.bootstrap import effective, generator, resampled_figures, share_interval
from visionml.evaluation.calibration import calibration
from visionml.evaluation.champion import challenge
from visionml.evaluation.figures import Numbers, confusion, misread, of_matrix
from visionml.evaluation.ranking import Areas, areas
from visionml.evaluation.reading import Reading, read, throughput_interval, time_single_images
from visionml.evaluation.slices import measures, slices
from visionml.model.predict import Predictor

ANSWERED_ACCURACY = 0.99
MISREAD_KEPT = 100


def evaluate(
    predictor: Predictor,
    holdout: Shards,
    *,
    validation: Shards | None = None,
    champion: Path | None = None,
    single: Predictor | None = None,
    answered_accuracy: float = ANSWERED_ACCURACY,
) -> EvaluationReport:
    """Read every holdout image with the model and report how well it did.

    Parameters
    ----------
    validation
        What the threshold is chosen on; without it there is none.
    champion
        The serving model's ``model.tar.gz``; without it nothing is compared.
    single
        The same model as it serves, to time single images with.
    answered_accuracy
        What images at or above the threshold must reach on validation.

    Raises
    ------
    InvalidInput
        The images have classes that the model does not know or another size, or the model's
        answers are not probabilities.
    """
    record = predictor.record
    reading = read(predictor, holdout)
    truth, right = reading.truth, reading.right
    counts = confusion(truth, reading.predicted, classes=len(record.classes))
    ranked = areas(truth, reading.probabilities, rng=generator())
    calibrated, ece = calibration(reading.confidence, right, truth, rng=generator())
    latency, latencies = time_single_images(single or predictor, holdout, rng=generator())
    overall, intervals, classes = _figures(counts, record.classes, ranked)
    chosen, effect = _threshold(predictor, validation, reading, target=answered_accuracy)
    return EvaluationReport(
        model_version=record.version,
        dataset=record.dataset,
        dataset_version=record.dataset_version,
        images=len(holdout),
        **overall,
        classes=classes,
        confusion=counts.tolist(),
        misread=_misread(reading, holdout, record.classes),
        images_per_second=reading.images_per_second,
        intervals={
            **intervals,
            "ece": ece,
            "images_per_second": throughput_interval(reading, rng=generator()),
            **latencies,
        },
        calibration=calibrated,
        roc_auc=RocAuc(
            macro=ranked.macro,
            classes={record.classes[k]: value for k, value in ranked.classes.items()},
        ),
        latency_ms=latency,
        slices=slices(measures(holdout), right, truth, rng=generator()),
        threshold=chosen,
        at_threshold=effect,
        threshold_curve=threshold.compact(reading.confidence, right),
        comparison=None
        if champion is None
        else challenge(champion, holdout, reading=reading, record=record),
        record=record,
    )


def _figures(
    counts: Numbers, names: tuple[str, ...], ranked: Areas
) -> tuple[dict[str, float], dict[str, Interval], dict[str, ClassFigures]]:
    """Return the figures that follow from a confusion matrix, with their intervals."""
    true, predicted = counts.sum(axis=1), counts.sum(axis=0)
    found, samples = of_matrix(counts), resampled_figures(counts, rng=generator())
    behind = {
        "accuracy": float(true.sum()),
        "macro_precision": effective(predicted),
        "macro_recall": effective(true),
        "macro_f1": effective(true),
    }
    overall = {name: float(value) for name, value in found.overall.items()}
    intervals = {
        name: share_interval(samples.overall[name], value=overall[name], trials=trials)
        for name, trials in behind.items()
    }
    if ranked.macro_interval:
        intervals["roc_auc"] = ranked.macro_interval
    trials = {"precision": predicted, "recall": true, "f1": (true + predicted) / 2}
    classes = {}
    for k, name in enumerate(names):
        figures = {what: float(values[k]) for what, values in found.classes.items()}
        ranges = {
            what: share_interval(
                samples.classes[what][:, k], value=value, trials=float(trials[what][k])
            )
            for what, value in figures.items()
        }
        if k in ranked.intervals:
            ranges["roc_auc"] = ranked.intervals[k]
        classes[name] = ClassFigures(**figures, images=int(true[k]), intervals=ranges)
    return overall, intervals, classes


def _threshold(
    predictor: Predictor, validation: Shards | None, reading: Reading, *, target: float
) -> tuple[Threshold | None, AtThreshold | None]:
    """Choose the threshold on validation, and return it with what it does on the holdout."""
    if validation is None:
        return None, None
    seen = read(predictor, validation)
    chosen = threshold.choose(seen.confidence, seen.right, target=target)
    effect = threshold.apply(
        chosen.value, reading.confidence, reading.right, reading.truth, rng=generator()
    )
    return chosen, effect


def _misread(reading: Reading, holdout: Shards, classes: tuple[str, ...]) -> list[Misread]:
    return [
        Misread(
            key=holdout.rows[index].key,
            label=holdout.rows[index].label,
            predicted=classes[reading.predicted[index]],
            probability=float(reading.confidence[index]),
        )
        for index in misread(reading.truth, reading.probabilities)[:MISREAD_KEPT]
    ]
