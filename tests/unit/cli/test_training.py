"""What ``visionml train`` makes of its options."""

import pytest

from visionml.cli.training import searched, train
from visionml.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=1e-4..1e-2:log", {"min": 1e-4, "max": 1e-2, "scale": "Logarithmic"}),
        ("weight_decay=0.0..0.1", {"min": 0.0, "max": 0.1}),
        ("epochs=2..8", {"min": 2, "max": 8}),
        ("batch_size=32,64", ["32", "64"]),
        ("optimiser=adam", ["adam"]),
    ],
)
def test_ranges_are_written_as_texts(text: str, expected: object) -> None:
    assert searched(text) == (text.partition("=")[0], expected)
    assert type(searched("epochs=2..8")[1]["min"]) is int  # type: ignore[index]


@pytest.mark.parametrize("text", ["epochs", "=1..2", "epochs=", "epochs=a..b"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"is not a|no range"):
        searched(text)


def test_training_after_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing to search"):
        train(dataset="digits", then_train=True)
