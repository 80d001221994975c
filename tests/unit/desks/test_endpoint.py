"""Weights that an endpoint cannot take are refused before it is asked."""

import math

import pytest

from visionml.desks.endpoint import check_weights
from visionml.errors import InvalidInput

KNOWN = {"ModelA": 0.8, "ModelB": 0.2}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, r"No weight is given.*ModelA, ModelB"),
        ({"ModelC": 1.0}, r"no variant ModelC.*ModelA, ModelB"),
        ({"ModelA": -1.0}, "-1 is no weight for ModelA"),
        ({"ModelA": math.nan}, "nan is no weight"),
        ({"ModelA": math.inf}, "inf is no weight"),
        ({"ModelA": 0.0, "ModelB": 0.0}, "Nobody would get any traffic"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        check_weights(weights, KNOWN)


@pytest.mark.parametrize("weights", [{"ModelA": 50.0, "ModelB": 50.0}, {"ModelA": 0.0}])
def test_one_variant_with_traffic_is_enough(weights: dict[str, float]) -> None:
    check_weights(weights, KNOWN)
