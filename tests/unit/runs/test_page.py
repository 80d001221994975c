import pytest

from visionml.runs.page import format_figure, label


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("holdout_accuracy", 0.98148, "98.1%"),
        ("probability", 1.0, "100.0%"),
        ("accuracy", 1, "1"),
        ("seconds", 12.3456, "12.35"),
        ("inputs", 500000, "500,000"),
        ("ok", True, "yes"),
        ("version", None, "none"),
        ("detected", ["brightness", "blur"], "brightness, blur"),
        ("detected", [], "none"),
        (
            "rollback",
            {"outcome": "rolled_back", "seconds": 4.1},
            "outcome rolled_back, seconds 4.1",
        ),
    ],
)
def test_a_figure_is_shown_as_people_write_it(name: str, value: object, shown: str) -> None:
    assert format_figure(value, name) == shown  # type: ignore[arg-type]


def test_a_label_is_the_name_in_words() -> None:
    assert label("holdout_accuracy") == "Holdout accuracy"
