"""Metric alarms as CloudWatch decides them: by dimensions, metric math and missing data.

MiniStack's own evaluation mixes the dimensions of a metric, knows no expressions and looks only
when metrics arrive. Here an alarm looks at the last periods up to now, each ending where the next
begins, so that a short run sees what an account would show after whole minutes.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from visionml.errors import InvalidInput
from visionml.local import metric_math, ministack
from visionml.local.metric_math import Value
from visionml.local.ministack import AlarmVerdict
from visionml.local.queue_depths import QueueDepths

_EVERY_SECONDS = 1.0
_COMPARE = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def install(account: str, region: str) -> None:
    """Decide alarms here from now on, when metrics arrive and as time passes."""
    ministack.decide_alarms(decide, check_expressions)
    depths = QueueDepths()

    def watch() -> None:
        while True:
            time.sleep(_EVERY_SECONDS)
            with ministack.scope(account, region):
                depths.measure()
                ministack.evaluate_alarms()

    threading.Thread(target=watch, name="alarms", daemon=True).start()


def check_expressions(queries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse the queries of an alarm that could never be decided.

    Raises
    ------
    InvalidInput
        An expression is not understood or names no query, or not one query alone gives data.
    """
    known = {str(query.get("Id")) for query in queries}
    for query in queries:
        unknown = metric_math.references(query["Expression"]) - known if _maths(query) else set()
        if unknown:
            raise InvalidInput(f"{query['Expression']} names {', '.join(sorted(unknown))}.")
    if sum(_returns(query) for query in queries) != 1:
        raise InvalidInput("Exactly one element of the metrics list should return data.")


def decide(alarm: Mapping[str, Any]) -> AlarmVerdict | None:
    """Return what an alarm should say now; None leaves its state as it is."""
    compare = _COMPARE.get(alarm.get("ComparisonOperator", ""))
    if compare is None:  # a band of expected values
        return None
    periods = int(alarm.get("EvaluationPeriods", 1))
    values = [_at(alarm, index) for index in range(periods)]
    present = [value for value in values if value is not None]
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    threshold = float(alarm.get("Threshold", 0))
    breaching = sum(compare(value, threshold) for value in present)
    missing = str(alarm.get("TreatMissingData", "missing"))
    if missing == "breaching":
        breaching += periods - len(present)
    elif missing == "missing" and present:
        needed = min(needed, len(present))
    elif missing == "missing":
        return AlarmVerdict("INSUFFICIENT_DATA", f"Insufficient Data: no datapoints in {periods}.")
    elif missing == "ignore" and len(present) < needed:
        return None
    state = "ALARM" if breaching >= needed else "OK"
    return AlarmVerdict(state, _reason(alarm, present, breaching, state))


def _reason(alarm: Mapping[str, Any], present: Sequence[float], breaching: int, state: str) -> str:
    shown = ", ".join(f"{value:.6g}" for value in present) or "none"
    verb = "crossed" if state == "ALARM" else "did not cross"
    return (
        f"Threshold Crossed: {breaching} datapoints [{shown}] {verb} the threshold "
        f"({alarm.get('Threshold')}) by {alarm.get('ComparisonOperator')}."
    )


def _at(alarm: Mapping[str, Any], index: int) -> Value:
    """Return the value of an alarm's metric in the period that ended `index` periods ago."""
    queries = alarm.get("Metrics")
    if not queries:
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        return _statistic(alarm, str(statistic), float(alarm.get("Period", 60)), index)
    return _query(next(query for query in queries if _returns(query)), queries, index)


def _query(query: Mapping[str, Any], all_: Sequence[Mapping[str, Any]], index: int) -> Value:
    if not _maths(query):
        asked = query["MetricStat"]
        return _statistic(asked["Metric"], asked["Stat"], float(asked.get("Period", 60)), index)
    needed = metric_math.references(query["Expression"])
    values = {each["Id"]: _query(each, all_, index) for each in all_ if each["Id"] in needed}
    return metric_math.evaluate(query["Expression"], values)


def _statistic(metric: Mapping[str, Any], statistic: str, period: float, index: int) -> Value:
    end = time.time() - index * period
    return ministack.metric_statistic(
        metric["Namespace"],
        metric["MetricName"],
        {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []},
        statistic=statistic,
        between=(end - period, end),
    )


def _maths(query: Mapping[str, Any]) -> bool:
    return bool(query.get("Expression"))


def _returns(query: Mapping[str, Any]) -> bool:
    return str(query.get("ReturnData", True)).lower() == "true"
