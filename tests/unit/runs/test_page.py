import pytest

from visionml.runs.page import format_figure, label


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("holdout_accuracy", 0.98148, "98.1%"),
        ("probability", 1.0, "100.0%"),
        ("accuracy", 1, "1"),
        ("endpoint_latency_ms", 9.87654, "9.877 ms"),
        ("lost", 0, "0"),
        ("monthly_usd", 1234.5, "1,234 USD"),
        ("inputs", 500000, "500,000"),
        ("ok", True, "yes"),
        ("version", None, "none"),
        ("detected", ["brightness", "blur"], "brightness, blur"),
        ("detected", [], "none"),
        ("accuracy_interval", [0.98881, 1], "98.9% to 100.0%"),
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
    assert label("endpoint_latency_ms") == "Endpoint latency"
