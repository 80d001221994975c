"""Answers made of numbers alone, for what does not need images."""

import numpy as np

from visionml.monitoring.window import Window, from_arrays

CLASSES = ("cat", "dog", "owl")
NAMES = ("brightness", "contrast", "noise", "aspect")
MODEL = "v-1"


def answers(
    count: int,
    *,
    seed: int = 0,
    brightness: float = 0.0,
    embedding: float = 0.0,
    shares: tuple[float, float, float] = (0.5, 0.3, 0.2),
    odd: float = 0.0,
    sureness: float = 4.0,
) -> Window:
    """Return answers of a model with three classes, whose embedding has 12 numbers.

    `brightness` and `embedding` are moved by so many standard deviations, a share of `odd` answers
    has an embedding unlike that of any class, and `sureness` is how far logits are apart. Aspect
    is 1.5 always.
    """
    rng = np.random.default_rng([seed, 77])
    truths = rng.choice(3, count, p=shares)
    centres = np.random.default_rng(5).normal(0, 2, (3, 12))
    vectors = centres[truths] + rng.normal(0, 1, (count, 12)) + embedding
    strange = rng.random(count) < odd
    vectors[strange] = rng.normal(0, 6, (int(strange.sum()), 12))
    light = rng.normal(0, 1, count) + brightness
    measured = np.stack(
        [
            120 + 20 * light,
            50 + 5 * (0.5 * light + rng.normal(0, 1, count)),
            rng.gamma(2, 1, count),
            np.full(count, 1.5),
        ],
        axis=1,
    )
    logits = rng.normal(0, 1, (count, 3))
    logits[np.arange(count), truths] += sureness
    told = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return from_arrays(
        classes=CLASSES,
        probabilities=told,
        statistics=measured,
        embeddings=vectors,
        names=NAMES,
        truths=truths,
    )
