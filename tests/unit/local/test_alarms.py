"""How alarms are decided from metrics: CloudWatch's rules, on made-up values."""

from collections.abc import Callable
from typing import Any

import pytest

from visionml.errors import InvalidInput
from visionml.local import alarms, metric_math, ministack

Alarm = dict[str, Any]


@pytest.fixture
def decide(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
    """Decide an alarm over values, the newest first; None is a period without data."""

    def run(values: list[float | None], **changes: Any) -> str | None:
        monkeypatch.setattr(alarms, "_at", lambda _alarm, index: values[index])
        alarm: Alarm = {
            "EvaluationPeriods": len(values),
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold",
            **changes,
        }
        verdict = alarms.decide(alarm)
        return verdict.state if verdict else None

    return run


@pytest.mark.parametrize(
    ("values", "changes", "state"),
    [
        ([2, 2], {}, "ALARM"),
        ([2, 0], {}, "OK"),
        ([2, 0], {"DatapointsToAlarm": 1}, "ALARM"),
        ([1, 1], {}, "OK"),
        ([1, 1], {"ComparisonOperator": "GreaterThanOrEqualToThreshold"}, "ALARM"),
        ([0, 0], {"ComparisonOperator": "LessThanThreshold"}, "ALARM"),
        ([None, None], {}, "INSUFFICIENT_DATA"),
        ([None, 2], {}, "ALARM"),
        ([None, None], {"TreatMissingData": "breaching"}, "ALARM"),
        ([None, 0], {"TreatMissingData": "breaching"}, "OK"),
        ([None, None], {"TreatMissingData": "notBreaching"}, "OK"),
        ([None, 2], {"TreatMissingData": "notBreaching"}, "OK"),
        ([None, 2], {"TreatMissingData": "ignore"}, None),
        ([2, 2], {"TreatMissingData": "ignore"}, "ALARM"),
        ([2], {"ComparisonOperator": "GreaterThanUpperThreshold"}, None),
    ],
)
def test_an_alarm_follows_its_rule(
    decide: Callable[..., str | None],
    values: list[float | None],
    changes: dict[str, Any],
    state: str | None,
) -> None:
    assert decide(values, **changes) == state


def test_an_expression_is_decided_from_the_metrics_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def statistic(_namespace: str, name: str, _dimensions: object, **_: object) -> float | None:
        return {"Errors": 5.0, "Calls": 100.0}.get(name)

    monkeypatch.setattr(ministack, "metric_statistic", statistic)
    queries: list[Alarm] = [
        {"Id": "share", "Expression": "IF(FILL(calls, 0) > 0, errors / calls, 0)"},
        *(
            {
                "Id": name.lower(),
                "ReturnData": False,
                "MetricStat": {
                    "Metric": {"Namespace": "N", "MetricName": name},
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for name in ("Errors", "Calls")
        ),
    ]
    alarms.check_expressions(queries)
    verdict = alarms.decide(
        {
            "Metrics": queries,
            "EvaluationPeriods": 1,
            "Threshold": 0.04,
            "ComparisonOperator": "GreaterThanThreshold",
        }
    )
    assert verdict is not None
    assert verdict.state == "ALARM"
    assert "0.05" in verdict.reason


@pytest.mark.parametrize(
    "queries",
    [
        [{"Id": "a", "Expression": "b * 2"}],
        [{"Id": "a", "Expression": "SEARCH('x', 'Sum', 60)"}],
        [{"Id": "a", "Expression": "1 +"}],
        [{"Id": "a", "Expression": "1"}, {"Id": "b", "Expression": "2"}],
        [{"Id": "a", "Expression": "1", "ReturnData": "false"}],
    ],
)
def test_an_alarm_that_could_never_be_decided_is_refused(queries: list[Alarm]) -> None:
    with pytest.raises(InvalidInput):
        alarms.check_expressions(queries)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a + b * 2", 8.0),
        ("(a - b) / b", -1 / 3),
        ("-a ^ 2", -4.0),
        ("a / zero", None),
        ("gone + 1", None),
        ("FILL(gone, 7)", 7.0),
        ("FILL(a, 7)", 2.0),
        ("IF(a > b, a, b)", 3.0),
        ("IF(gone > 1, a, b)", None),
        ("IF(zero, a, b)", 3.0),
        ("SUM([a, b, gone])", 5.0),
        ("AVG([a, b])", 2.5),
        ("MAX([a, b])", 3.0),
        ("MIN([gone])", None),
        ("a > 1 AND b > 3", 0.0),
        ("a > 1 && b > 2 || zero", 1.0),
        ("CEIL(b / a)", 2.0),
    ],
)
def test_metric_math_gives_cloudwatchs_value(expression: str, value: float | None) -> None:
    values = {"a": 2.0, "b": 3.0, "zero": 0.0, "gone": None}
    assert metric_math.evaluate(expression, values) == value


@pytest.mark.parametrize(
    "text", ["__import__('os')", "a.b", "[a, a]", "lambda: 1", "x", "IF(a, b)", "a < b < 1"]
)
def test_metric_math_is_nothing_else(text: str) -> None:
    with pytest.raises(InvalidInput):
        metric_math.evaluate(text, {"a": 1.0, "b": 2.0})
