"""Where a model is weak."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.colours import write_split
from visionml.evaluation.bootstrap import generator
from visionml.evaluation.slices import measures, quartiles, slices

NAMES = ("a", "b", "c", "d")


def test_quartiles_are_equal_in_number_and_ordered(rng: np.random.Generator) -> None:
    values = rng.random(200)
    found = quartiles(values, names=NAMES)
    assert [name for name, _ in found] == list(NAMES)
    assert [int(member.sum()) for _, member in found] == [50] * 4
    for (_, lower), (_, upper) in pairwise(found):
        assert values[lower].max() < values[upper].min()


def test_equal_values_stay_together() -> None:
    found = quartiles(np.array([1.0] * 50 + [2.0] * 50), names=NAMES)
    assert [int(member.sum()) for _, member in found] == [50, 50]
    ((name, member),) = quartiles(np.ones(30), names=NAMES)
    assert (name, int(member.sum())) == ("all", 30)


def test_a_weakness_shows_in_its_slice(rng: np.random.Generator) -> None:
    brightness, sharpness = rng.random((2, 400))
    right = ~((brightness < 0.25) & (rng.random(400) < 0.5))
    found = slices(
        {"brightness": brightness, "sharpness": sharpness},
        right,
        rng.integers(0, 3, 400),
        rng=generator(),
    )
    dark, *others = found["brightness"]
    assert dark.name == "darkest"
    assert dark.accuracy < 0.65
    assert dark.high < min(part.low for part in others)
    assert sum(part.images for part in found["sharpness"]) == 400
    for part in found["sharpness"]:
        member = (sharpness >= part.lower) & (sharpness <= part.upper)
        assert part.accuracy == pytest.approx(right[member].mean())
        assert part.low < part.accuracy < part.high


def test_a_slice_without_errors_is_not_certain(rng: np.random.Generator) -> None:
    found = slices(
        {"size": rng.random(80)}, np.ones(80, np.bool_), np.zeros(80, np.int64), rng=generator()
    )
    assert [(part.accuracy, part.high) for part in found["size"]] == [(1, 1)] * 4
    assert found["size"][0].low == pytest.approx(0.025 ** (1 / 20))


def test_measures_are_of_what_the_model_sees_and_of_the_originals_size(tmp_path: Path) -> None:
    split = write_split(tmp_path, ["red"] * 3, [0, 1, 2], strength=[100, 100, 200], size=4)
    found = measures(split)
    assert found["brightness"] == pytest.approx([29.9, 58.7, 22.8], abs=1e-3)
    assert found["sharpness"] == pytest.approx([0, 0, 0], abs=1e-3)
    assert found["size"].tolist() == [4, 6, 8]
