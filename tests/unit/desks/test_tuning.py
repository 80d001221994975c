"""Ranges of a search, as people write them and as SageMaker takes them."""

import pytest

from visionml.desks.tuning import Range, parameter_ranges
from visionml.errors import InvalidInput


def test_ranges_get_the_kind_and_the_scale_that_their_values_imply() -> None:
    found = parameter_ranges(
        {"learning_rate": (0.0003, 0.03), "batch_size": (128, 16), "precision": ["float32", "auto"]}
    )
    assert found == {
        "ContinuousParameterRanges": [
            {
                "Name": "learning_rate",
                "MinValue": "0.0003",
                "MaxValue": "0.03",
                "ScalingType": "Logarithmic",
            }
        ],
        "IntegerParameterRanges": [
            {"Name": "batch_size", "MinValue": "16", "MaxValue": "128", "ScalingType": "Linear"}
        ],
        "CategoricalParameterRanges": [{"Name": "precision", "Values": ["float32", "auto"]}],
    }


@pytest.mark.parametrize(
    ("ranges", "message"),
    [({}, "nothing to search"), ({"epochs": (1,)}, "epochs"), ({"epochs": (1, "2")}, "epochs")],
)
def test_a_range_that_says_nothing_is_refused(ranges: dict[str, Range], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parameter_ranges(ranges)
