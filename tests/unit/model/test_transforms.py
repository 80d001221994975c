"""From pixels to what a graph expects."""

import numpy as np

from visionml.contracts.model import InputRecord
from visionml.model.transforms import normalise

RECORD = InputRecord(height=5, width=7, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
PIXELS = np.random.default_rng(0).integers(0, 256, (16, 5, 7, 3), np.uint8)


def test_values_follow_the_definition() -> None:
    wanted = ((PIXELS / 255 - RECORD.mean) / RECORD.std).transpose(0, 3, 1, 2)
    given = normalise(PIXELS, RECORD)
    assert given.dtype == np.float32
    assert given.shape == (16, 3, 5, 7)
    assert np.abs(given - wanted).max() < 1e-5


def test_a_batch_and_a_single_image_agree_bit_for_bit() -> None:
    whole = normalise(PIXELS, RECORD)
    alone = np.concatenate([normalise(PIXELS[i : i + 1], RECORD) for i in range(16)])
    assert np.array_equal(whole, alone)


def test_memory_layout_plays_no_part() -> None:
    strided = np.repeat(PIXELS, 2, axis=2)[:, :, ::2]
    assert np.array_equal(normalise(strided, RECORD), normalise(PIXELS, RECORD))
