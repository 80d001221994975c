# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Events, metrics, alarms and logs."""

import functools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ministack.services import cloudwatch, cloudwatch_logs, eventbridge, sqs, stepfunctions
from ministack.services.cloudformation import provisioners

from visionml.local.internals.stacks import Properties


def put_event(
    source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()
) -> None:
    """Publish an event of an AWS service, such as ``aws.sagemaker``, on the default bus."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": list(resources),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def put_metric_data(namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
    """Publish metrics in PutMetricData's form; `evaluate_alarms` makes alarms look at them."""
    for datum in data:
        dimensions = {each["Name"]: each["Value"] for each in datum.get("Dimensions", [])}
        at = cloudwatch._parse_ts(datum.get("Timestamp")) or time.time()
        unit, values = datum.get("Unit", "None"), datum.get("Values")
        rest = (datum.get("Value"), values, datum.get("Counts"), datum.get("StatisticValues"))
        cloudwatch._store_datum(namespace, datum["MetricName"], dimensions, at, unit, *rest)


class Waiting(NamedTuple):
    """What waits in a queue."""

    visible: int
    """Messages that may be received now."""
    oldest_seconds: float
    """How long the oldest message has been there, 0 where there is none."""


def queue_depths() -> dict[str, Waiting]:
    """Return what waits in each queue."""
    now = time.time()
    found = {}
    for queue in list(sqs._queues.values()):
        messages = list(queue["messages"])
        found[str(queue["name"])] = Waiting(
            sum(message["visible_at"] <= now for message in messages),
            max((now - message["sent_at"] for message in messages), default=0.0),
        )
    return found


_LATEST_ARRIVAL_SECONDS = 300
"""How long after its time a data point may be published; they are kept as they arrive."""


def metric_statistic(
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    *,
    statistic: str,
    between: tuple[float, float],
) -> float | None:
    """Return a metric's statistic over a time (seconds since the epoch); None without data."""
    key = (namespace, name, cloudwatch._dims_key(dict(dimensions)))
    first, last = between
    points = []
    for point in reversed(cloudwatch._metrics.get(key) or []):
        if point["Timestamp"] < first - _LATEST_ARRIVAL_SECONDS:
            break
        if first < point["Timestamp"] <= last:
            points.append(point)
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    return float(value) if points and value is not None else None


@dataclass(frozen=True)
class AlarmVerdict:
    """An alarm's state (``OK``, ``ALARM``, ``INSUFFICIENT_DATA``) and why."""

    state: str
    reason: str


def decide_alarms(
    decide: Callable[[Mapping[str, Any]], AlarmVerdict | None],
    check: Callable[[Sequence[Mapping[str, Any]]], None],
) -> None:
    """Decide the states of metric alarms by a function of PutMetricAlarm's record.

    `check` refuses the ``Metrics`` of an alarm that a stack creates; MiniStack refuses all of
    them. The SNS actions, the history and composite alarms stay MiniStack's; a change is also
    published as an event.
    """

    def evaluate(alarm: dict[str, Any]) -> None:
        verdict, before = decide(alarm), alarm["StateValue"]
        if verdict is None or verdict.state == before:
            return
        alarm["StateValue"], alarm["StateReason"] = verdict.state, verdict.reason
        alarm["StateUpdatedTimestamp"] = int(time.time())
        cloudwatch._record_history(alarm["AlarmName"], before, verdict.state, verdict.reason)
        cloudwatch._dispatch_alarm_actions(alarm, before, verdict.state, verdict.reason)
        cloudwatch._evaluate_parent_alarms(alarm)
        states = {"state": {"value": verdict.state}, "previousState": {"value": before}}
        detail = {"alarmName": alarm["AlarmName"], **states}
        put_event("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm["AlarmArn"]])

    cloudwatch._evaluate_alarm = evaluate
    record = provisioners._cw_metric_alarm_record

    @functools.wraps(record)
    def with_metrics(name: str, properties: Properties) -> dict[str, Any]:
        queries = properties.get("Metrics")
        if not queries:
            return dict(record(name, properties))
        check(queries)
        simple = {key: value for key, value in properties.items() if key != "Metrics"}
        made = dict(record(name, {**simple, "MetricName": "-", "Namespace": "-"}))
        absent = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))
        return {**made, **absent, "Dimensions": [], "Metrics": queries}

    provisioners._cw_metric_alarm_record = with_metrics


def put_composite_alarm(properties: Properties) -> str:
    """Create or change a composite alarm, in the form of a stack, and return its ARN.

    Raises
    ------
    ValueError
        CloudWatch refuses it; the text says why.
    """
    status, _, body = cloudwatch._put_composite_alarm({}, dict(properties), False, True)
    if status >= 400:
        raise ValueError(str(json.loads(body).get("message", body)))
    return str(cloudwatch._composite_alarms[properties["AlarmName"]]["AlarmArn"])


def delete_composite_alarm(name: str) -> None:
    """Delete a composite alarm; one that is gone already is no error."""
    cloudwatch._delete_alarms({}, {"AlarmNames": [name]}, False, True)


def evaluate_alarms() -> None:
    """Decide every alarm of the account and region now."""
    cloudwatch._evaluate_all_alarms()


def alarm_state(name: str) -> str | None:
    """Return the state of a metric or composite alarm; None when there is no such alarm."""
    alarm = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
    return str(alarm["StateValue"]) if alarm else None


def put_log_events(group: str, stream: str, messages: Iterable[str]) -> None:
    """Append lines to a log stream, creating group and stream as needed."""
    if group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group({"logGroupName": group})
    if stream not in cloudwatch_logs._log_groups[group]["streams"]:
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    if events:
        cloudwatch_logs._put_log_events(
            {"logGroupName": group, "logStreamName": stream, "logEvents": events}
        )


def on_log_event(listener: Callable[[str, int], None]) -> None:
    """Call a listener with each message and its time (ms since the epoch) that a log receives.

    Lambda's output and PutLogEvents both pass here. A listener must not raise.
    """
    append = cloudwatch_logs._append_log_events

    @functools.wraps(append)
    def wrapped(stream: Any, events: Sequence[Mapping[str, Any]]) -> None:
        append(stream, events)
        for event in events:
            listener(event["message"], event["timestamp"])

    cloudwatch_logs._append_log_events = wrapped


def on_execution_status(listener: Callable[[str, str, float], None]) -> None:
    """Call a listener with (state machine ARN, status, seconds so far) of each execution."""
    emit = stepfunctions._emit_execution_status_event

    @functools.wraps(emit)
    def wrapped(execution: Mapping[str, Any]) -> None:
        emit(execution)
        began = datetime.fromisoformat(execution["startDate"])
        seconds = (datetime.now(UTC) - began).total_seconds()
        listener(execution["stateMachineArn"], execution["status"], seconds)

    stepfunctions._emit_execution_status_event = wrapped


def next_cron(expression: str, after: datetime) -> datetime | None:
    """Return when a ``cron(...)`` expression is due next, at the clock that `after` has.

    None where it is malformed or never due.
    """
    fields = eventbridge._parse_cron_fields(expression)
    try:
        return eventbridge._cron_next_fire(fields, after) if fields else None
    except ValueError:  # a minute or hour that no clock has
        return None
