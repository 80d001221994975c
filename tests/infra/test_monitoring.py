import json
import re

import pytest

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.bundle import ROOT
from visionml.contracts.names import Names
from visionml.local import metric_math

THRESHOLDS = {
    "endpoint-errors": 0.01,
    "endpoint-latency-average": 1_000_000,
    "endpoint-latency-p99": 2_000_000,
    "api-errors": 0.01,
    "adapter-errors": 0,
    "failed-requests": 0,
    "answer-keeper-errors": 0,
    "stream-age": 300_000,
    "stream-failures": 10,
    "consumer-errors": 0,
    "consumer-throttles": 0,
    "delivery-failures": 1,
    "delivery-freshness": 1800,
    "event-conversion-failures": 0,
    "training-failures": 0,
    "deployment-failures": 0,
    "training-trigger-errors": 0,
    "active-version-errors": 0,
    "intake-errors": 9,
    "intake-duration": 20_000,
    "failed-intake": 0,
    "intake-age": 900,
    "quarantine-share": 0.2,
    "detection-failures": 0,
    "images-given-up": 0,
    "image-retrier-errors": 0,
    "images-api-errors": 0.01,
    "drift": 0,
    "drift-no-baseline": 0,
    "drift-heartbeat": 1,
    "drift-unreadable": 0,
    "drift-errors": 0,
    "baseline-errors": 0,
    "model-accuracy": 0.9,
    "batch-failures": 0,
    "batch-missing": 1,
    "batch-unstarted": 0,
}
SILENCE_IS_TROUBLE = {"drift-heartbeat", "batch-missing"}
ROLLBACK_THRESHOLDS = {
    "rollback-errors-a": 0.01,
    "rollback-latency-a": 2_000_000,
    "rollback-errors-b": 0.01,
    "rollback-latency-b": 2_000_000,
    "rollback-probes": 0.8,
}
INTAKE_GRAPHS = {
    "Files",
    "Refused files by reason",
    "Uploads that wait",
    "Intake of a batch (ms)",
    "Images by animal",
    "Images left behind",
    "Uncertain images",
}
DRIFT_GRAPHS = {
    "Drift score by its threshold",
    "Accuracy, and what confidence promises",
    "Answers looked at",
}
BATCH_GRAPHS = {"Images of batch runs"}
ALL_THRESHOLDS = {**THRESHOLDS, **ROLLBACK_THRESHOLDS}


def test_there_is_an_alarm_for_each_signal(environment: Synthesised) -> None:
    names = Names.of(environment.settings)
    alarms = {each["AlarmName"]: each for each in environment.properties("AWS::CloudWatch::Alarm")}

    found = {name: alarms[names.name(name)]["Threshold"] for name in ALL_THRESHOLDS}
    assert found == ALL_THRESHOLDS
    assert len(alarms) == len(ALL_THRESHOLDS)


def test_every_alarm_has_a_runbook_entry_and_says_so(environment: Synthesised) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = Names.of(environment.settings)
    every = [
        *environment.properties("AWS::CloudWatch::Alarm"),
        *environment.properties("AWS::CloudWatch::CompositeAlarm"),
    ]
    for alarm in every:
        name = alarm["AlarmName"].removeprefix(f"{names.prefix}-")
        name = name.removesuffix(f"-{names.environment}-{names.region}")
        assert alarm["AlarmDescription"].endswith(f"What to do: docs/operations.md, {name}.")
        assert f"`{name}`" in page or re.search(rf"^### .*\b{name}\b", page, re.MULTILINE), name


def test_one_alarm_says_that_users_are_hurt(local: Synthesised) -> None:
    (alarm,) = local.properties("AWS::CloudWatch::CompositeAlarm")
    assert alarm["AlarmName"] == "ml-pipeline-users-hurt-local-us-east-1"
    rule = text(alarm["AlarmRule"])
    assert rule.count("ALARM(") == 3
    for part in ("EndpointErrors", "ApiErrors", "EndpointLatencyP99"):
        assert part in rule
    assert alarm["AlarmActions"] == alarm["OKActions"]


def test_alarms_tell_of_trouble_and_of_recovery(environment: Synthesised) -> None:
    for alarm in environment.properties("AWS::CloudWatch::Alarm"):
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert len(alarm["AlarmActions"]) == 1
        assert alarm["AlarmDescription"].endswith(".")
    by_name = {each["AlarmName"]: each for each in environment.properties("AWS::CloudWatch::Alarm")}
    loud = {Names.of(environment.settings).name(each) for each in SILENCE_IS_TROUBLE}
    for name, alarm in by_name.items():
        assert alarm["TreatMissingData"] == ("breaching" if name in loud else "notBreaching")


def test_latency_thresholds_are_in_the_metrics_own_microseconds(local: Synthesised) -> None:
    by_name = {each["AlarmName"]: each for each in local.properties("AWS::CloudWatch::Alarm")}
    p99 = by_name["ml-pipeline-endpoint-latency-p99-local-us-east-1"]

    assert (p99["MetricName"], p99["ExtendedStatistic"]) == ("ModelLatency", "p99")
    assert p99["Threshold"] == local.settings.alarms.latency_p99_ms * 1000
    assert {each["Name"]: each["Value"] for each in p99["Dimensions"]} == {
        "EndpointName": "ml-pipeline-endpoint-local-us-east-1",
        "VariantName": "ModelA",
    }


def test_refused_images_do_not_count_as_failed_invocations(local: Synthesised) -> None:
    by_name = {each["AlarmName"]: each for each in local.properties("AWS::CloudWatch::Alarm")}
    queries = by_name["ml-pipeline-endpoint-errors-local-us-east-1"]["Metrics"]
    (expression,) = [each["Expression"] for each in queries if "Expression" in each]
    metrics = {
        each["Id"]: each["MetricStat"]["Metric"]["MetricName"]
        for each in queries
        if "MetricStat" in each
    }

    assert "MAX([FILL(failed, 0), FILL(model_errors, 0) - FILL(refused, 0)])" in expression
    assert metrics == {
        "invocations": "Invocations",
        "failed": "Invocation5XXErrors",
        "model_errors": "InvocationModelErrors",
        "refused": "Invocation4XXErrors",
    }


def test_the_topic_is_encrypted_and_lets_alarms_publish(environment: Synthesised) -> None:
    (topic,) = environment.properties("AWS::SNS::Topic", stack="Monitoring")
    (policy,) = environment.properties("AWS::SNS::TopicPolicy", stack="Monitoring")
    statements = policy["PolicyDocument"]["Statement"]

    assert topic["TopicName"] == Names.of(environment.settings).alarm_topic
    assert "KmsMasterKeyId" in topic
    allowed = [each for each in statements if each["Effect"] == "Allow"]
    assert [each["Principal"] for each in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
    denied = [each for each in statements if each["Effect"] == "Deny"]
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_alarms_may_use_the_key_of_their_topic(environment: Synthesised) -> None:
    policies = environment.resources("AWS::KMS::Key")["Storage/OperationsKey"]["Properties"]
    principals = {
        json.dumps(statement["Principal"]) for statement in policies["KeyPolicy"]["Statement"]
    }

    assert '{"Service": "cloudwatch.amazonaws.com"}' in principals
    assert '{"Service": "logs.us-east-1.amazonaws.com"}' in principals


def test_the_dashboard_shows_every_signal(environment: Synthesised) -> None:
    (dashboard,) = environment.properties("AWS::CloudWatch::Dashboard")
    body = json.loads(text(dashboard["DashboardBody"]))
    alarms = [each for each in body["widgets"] if each["type"] == "alarm"]
    graphs = [each for each in body["widgets"] if each["type"] == "metric"]

    assert len(alarms[0]["properties"]["alarms"]) == len(ALL_THRESHOLDS) + 1
    beside = INTAKE_GRAPHS | DRIFT_GRAPHS | BATCH_GRAPHS
    assert len(graphs) == len(THRESHOLDS) + 1 + len(beside)
    assert {each["properties"]["title"] for each in graphs} >= beside
    titles = [each["properties"]["markdown"] for each in body["widgets"] if each["type"] == "text"]
    assert titles == ["## Intake", "## Drift", "## Batch"]


def expression(found: Synthesised, alarm: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return the metric math of an alarm, and namespace and name of each metric in it."""
    by_name = {each["AlarmName"]: each for each in found.properties("AWS::CloudWatch::Alarm")}
    queries = by_name[Names.of(found.settings).name(alarm)]["Metrics"]
    (math,) = [each["Expression"] for each in queries if "Expression" in each]
    stats = {each["Id"]: each["MetricStat"]["Metric"] for each in queries if "MetricStat" in each}
    return math, {name: (each["Namespace"], each["MetricName"]) for name, each in stats.items()}


@pytest.mark.parametrize(
    ("refused", "accepted", "share"),
    [(0, 0, 0), (9, 0, 0), (10, 0, 1), (3, 9, 0.25), (None, 20, 0), (12, None, 1), (1, 99, 0.01)],
)
def test_the_share_of_refused_files_counts_once_there_are_enough(
    local: Synthesised, refused: float | None, accepted: float | None, share: float
) -> None:
    math, metrics = expression(local, "quarantine-share")

    assert metrics == {
        "refused": ("VisionML", "ImagesRefused"),
        "accepted": ("VisionML", "ImagesAccepted"),
    }
    assert metric_math.evaluate(math, {"refused": refused, "accepted": accepted}) == share


def test_what_a_batch_hands_back_counts_like_a_crash(local: Synthesised) -> None:
    math, metrics = expression(local, "intake-errors")

    assert metrics == {"crashed": ("AWS/Lambda", "Errors"), "failed": ("VisionML", "Failures")}
    assert metric_math.evaluate(math, {"crashed": 4, "failed": 6}) == 10
    assert metric_math.evaluate(math, {"crashed": None, "failed": 10}) == 10


def test_detections_that_take_too_long_count_like_those_that_fail(local: Synthesised) -> None:
    math, metrics = expression(local, "detection-failures")

    assert {name for _, name in metrics.values()} == {"ExecutionsFailed", "ExecutionsTimedOut"}
    assert metric_math.evaluate(math, {"failed": None, "late": 1}) == 1


@pytest.mark.parametrize("stack", ["Training", "Serving", "Intake"])
def test_nobody_is_watched_by_reference(environment: Synthesised, stack: str) -> None:
    imported = json.dumps(environment.templates["Monitoring"])

    assert f"ml-pipeline-{stack.lower()}-{environment.settings.environment}" not in [
        name.split(":")[0] for name in imported.split('"Fn::ImportValue": "')[1:]
    ]
