"""What happens to images before a model learns from them."""

from functools import partial

import numpy as np
import pytest
import torch

from visionml.contracts.model import InputRecord
from visionml.model.transforms import normalise
from visionml.training.augmentation import Changes, cropped, recoloured
from visionml.training.hyperparameters import Hyperparameters

RECORD = InputRecord(height=16, width=16, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)
IMAGES = torch.from_numpy(normalise(PIXELS, RECORD))
PLACES = np.arange(6)


def settings(**changed: float) -> Hyperparameters:
    given = {"run_id": "run-20261120-100000-abcd", "dataset": "d", "dataset_version": "1"}
    return Hyperparameters.model_validate({**given, **changed})


def drawn(count: int = 6, seed: int = 0, **changed: float) -> Changes:
    return Changes.drawn(count, settings(**changed), np.random.default_rng(seed))


def box(width: float, height: float, x: float, y: float) -> torch.Tensor:
    return torch.tensor([[width, height, x, y]] * len(IMAGES), dtype=torch.float32)


def test_nothing_is_changed_unless_asked_for() -> None:
    assert drawn().applied(IMAGES, PLACES, RECORD) is IMAGES


def test_the_whole_image_is_its_own_crop() -> None:
    assert torch.allclose(cropped(IMAGES, box(1, 1, 0, 0)), IMAGES, atol=1e-5)


def test_a_crop_is_a_part_of_the_image_enlarged() -> None:
    """The left upper quarter, doubled: samples lie a quarter pixel off the pixels' centres."""
    found = cropped(IMAGES, box(0.5, 0.5, -0.5, -0.5))
    part = IMAGES[..., :9, :9]
    doubled = torch.nn.functional.interpolate(part, scale_factor=2, mode="bilinear")
    assert torch.allclose(found[..., 1:-1, 1:-1], doubled[..., 1:15, 1:15], atol=1e-5)


def test_a_negative_width_mirrors() -> None:
    assert torch.allclose(cropped(IMAGES, box(-1, 1, 0, 0)), IMAGES.flip(3), atol=1e-5)


def test_flips_come_as_often_as_asked_for() -> None:
    boxes = drawn(10_000, flip=0.3).boxes
    assert boxes is not None
    assert np.mean(boxes[:, 0] < 0) == pytest.approx(0.3, abs=0.02)
    assert (np.abs(boxes[:, :2]) == 1).all()
    assert (boxes[:, 2:] == 0).all()


def test_crops_lie_within_the_image_and_are_as_large_as_asked_for() -> None:
    boxes = drawn(10_000, smallest_crop=0.35).boxes
    assert boxes is not None
    width, height, x, y = np.abs(boxes.astype(np.float64)).T
    assert (width + x).max() <= 1 + 1e-6
    assert (height + y).max() <= 1 + 1e-6
    assert (width * height).min() == pytest.approx(0.3, abs=0.06)  # narrower where cut off
    assert (width * height).max() > 0.9
    assert (width / height).max() == pytest.approx(4 / 3, abs=0.01)


def test_colours_keep_within_what_pixels_hold() -> None:
    found = drawn(colour_jitter=1).applied(IMAGES, PLACES, RECORD)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (RECORD.mean, RECORD.std))
    pixels = found * std + mean
    assert pixels.min() >= -1e-6
    assert pixels.max() <= 1 + 1e-6
    assert not torch.allclose(found, IMAGES)


def test_factors_of_one_leave_colours_alone() -> None:
    assert torch.allclose(recoloured(IMAGES, torch.ones(6, 3), RECORD), IMAGES, atol=1e-5)


def repainted(*factors: float) -> torch.Tensor:
    """Return the images as pixels from 0 to 1, after changes of their colours."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (RECORD.mean, RECORD.std))
    return recoloured(IMAGES, torch.tensor([factors] * 6), RECORD) * std + mean


def test_brightness_contrast_and_saturation_do_what_their_names_say() -> None:
    pixels = torch.from_numpy(PIXELS).permute(0, 3, 1, 2) / 255
    average = grey(pixels).mean((2, 3), keepdim=True)
    assert torch.allclose(repainted(0.5, 1, 1), pixels / 2, atol=1e-5)
    assert torch.allclose(repainted(1, 0, 1), average.expand_as(pixels), atol=1e-5)
    assert torch.allclose(repainted(1, 1, 0), grey(pixels).expand_as(pixels), atol=1e-5)


def grey(pixels: torch.Tensor) -> torch.Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (pixels * weights).sum(1, keepdim=True)


def test_changes_follow_from_the_seed_and_the_place_alone() -> None:
    every = partial(drawn, smallest_crop=0.5, flip=0.5, colour_jitter=0.3)
    whole = every().applied(IMAGES, PLACES, RECORD)
    again = every()
    parts = [again.applied(IMAGES[part], part, RECORD) for part in (PLACES[:2], PLACES[2:])]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(every(seed=1).applied(IMAGES, PLACES, RECORD), whole)
