"""What a model says to the images of a split, and how fast it says it."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.evaluation import Latency
from visionml.dataset.shards import Shards
from visionml.errors import InvalidInput
from visionml.evaluation.bootstrap import Range, interval, resampled_quantiles
from visionml.evaluation.figures import Numbers, Values
from visionml.model.predict import Predictor

BATCH = 64
_TIMED_IMAGES = 500
_FEWEST_TIMED = 30
_TIMING_SECONDS = 3.0
_WARM_UP = 3


@dataclass(frozen=True)
class Reading:
    """True classes and probabilities of every image of a split, in its order."""

    truth: Numbers
    probabilities: Values
    """Images x classes, in the model's order."""
    batch_images: Numbers
    batch_seconds: Values

    @property
    def predicted(self) -> Numbers:
        """The class number that each image is read as."""
        result: Numbers = self.probabilities.argmax(axis=1).astype(np.int64)
        return result

    @property
    def confidence(self) -> Values:
        """The probability of the predicted class."""
        result: Values = self.probabilities.max(axis=1)
        return result

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each image is read rightly."""
        result: NDArray[np.bool_] = self.predicted == self.truth
        return result

    @property
    def images_per_second(self) -> float:
        """Images divided by the seconds that the model took, without reading shards."""
        return float(self.batch_images.sum() / self.batch_seconds.sum())


def read(predictor: Predictor, split: Shards) -> Reading:
    """Read every image of a split with a model, warmed up.

    Raises
    ------
    InvalidInput
        The split holds classes that the model does not know, or images of another size, or the
        model's answers are not probabilities.
    """
    classes = predictor.record.classes
    number = {label: index for index, label in enumerate(classes)}
    unknown = sorted(set(split.labels) - number.keys())
    if unknown:
        raise InvalidInput(
            f"The images have classes that the model does not know: {', '.join(unknown)}.",
            hint="Evaluate on the dataset version that the model was trained on.",
        )
    batches = np.array_split(np.arange(len(split)), -(-len(split) // BATCH))
    predictor.probabilities(split.pixels(batches[0]))
    answers, seconds = [], []
    for batch in batches:
        pixels = split.pixels(batch)
        started = time.perf_counter()
        answers.append(predictor.probabilities(pixels))
        seconds.append(time.perf_counter() - started)
    probabilities = np.concatenate(answers).astype(np.float64)
    _check(probabilities, classes=len(classes), version=predictor.record.version)
    return Reading(
        truth=np.array([number[label] for label in split.labels], np.int64),
        probabilities=probabilities,
        batch_images=np.array([len(batch) for batch in batches], np.int64),
        batch_seconds=np.array(seconds),
    )


def time_single_images(
    predictor: Predictor, split: Shards, *, rng: np.random.Generator
) -> tuple[Latency, dict[str, Range]]:
    """Return the latency of one image at a time, warmed up, and the intervals of its quantiles.

    At most 500 images and about 3 seconds, but never fewer than 30 images.
    """
    order = rng.permutation(len(split))
    for index in np.resize(order, _WARM_UP):
        predictor.probabilities(split.pixels(np.array([index])))
    took: list[float] = []
    end = time.perf_counter() + _TIMING_SECONDS
    for index in np.resize(order, _TIMED_IMAGES):
        pixels = split.pixels(np.array([index]))
        started = time.perf_counter()
        predictor.probabilities(pixels)
        took.append(time.perf_counter() - started)
        if len(took) >= _FEWEST_TIMED and time.perf_counter() > end:
            break
    milliseconds = np.array(took) * 1000
    p50, p99 = np.quantile(milliseconds, (0.5, 0.99))
    return Latency(p50=float(p50), p99=float(p99), images=len(took)), {
        "latency_p50_ms": interval(resampled_quantiles(milliseconds, 0.5, rng=rng)),
        "latency_p99_ms": interval(resampled_quantiles(milliseconds, 0.99, rng=rng)),
    }


def throughput_interval(reading: Reading, *, rng: np.random.Generator) -> Range:
    """Return the interval of the images per second, from resampled batches."""
    batches = len(reading.batch_seconds)
    drawn = rng.integers(0, batches, (1000, batches))
    return interval(
        reading.batch_images[drawn].sum(axis=1) / reading.batch_seconds[drawn].sum(axis=1)
    )


def _check(probabilities: Values, *, classes: int, version: str) -> None:
    if probabilities.shape[1] != classes:
        raise InvalidInput(
            f"The model {version} answers {probabilities.shape[1]} probabilities an image, but "
            f"its record names {classes} classes.",
            hint="Export the model and its record together, and train it again.",
        )
    broken = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if broken:
        raise InvalidInput(
            f"The model {version} answers no probabilities for {broken} of "
            f"{len(probabilities)} images: they are not numbers.",
            hint="Its weights have most likely diverged; train with a lower learning_rate.",
        )
