"""Real images through the endpoint, then darker ones: what is said of them, and what it starts."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.functional.platform import Deployed, Trained
from tests.functional.queues import queue_of_events
from tests.functional.waiting import until
from visionml import workbench
from visionml.aws.session import Aws
from visionml.cli.main import app
from visionml.contracts import watching
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.watching import Watched, WatchSummary
from visionml.desks.datasets import Sample
from visionml.desks.drift import dusk as dusk_of
from visionml.errors import NotFound
from visionml.workbench import Session

IMAGES = 120
VARIANT = "ModelA"


@pytest.fixture(scope="module")
def session(platform: Deployed, promoted: DeploymentOutcome) -> Session:
    return platform.session


@pytest.fixture(scope="module")
def heard(session: Session, aws: Aws) -> Iterator[Any]:
    """A queue that is told what monitoring publishes."""
    sqs, rule = aws.client("sqs"), "heard-of-drift"
    url, arn = queue_of_events(sqs, rule)
    pattern = json.dumps({"source": ["visionml.monitoring"]})
    aws.events.put_rule(Name=rule, EventPattern=pattern)
    aws.events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])

    def messages() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [json.loads(each["Body"]) for each in found.get("Messages", [])]

    yield messages
    aws.events.remove_targets(Rule=rule, Ids=["queue"])
    aws.events.delete_rule(Name=rule)


@pytest.fixture(scope="module")
def samples(platform: Deployed) -> list[Sample]:
    """Scans that the model has not seen."""
    return platform.dataset.samples(IMAGES // 10, split="holdout")


def of_variant(found: WatchSummary) -> Watched:
    """Return what became of the version that serves."""
    return next(each for each in found.watched if each.variant == VARIANT)


def alarm(session: Session, name: str) -> str:
    return str(session.alarms.states().loc[f"{session.settings.prefix}-{name}", "state"])


def figure(session: Session, name: str) -> float:
    """Return the largest value of a figure of all variants in the last hour."""
    now = datetime.now(UTC)
    found = session.aws.cloudwatch.get_metric_statistics(
        Namespace="VisionML",
        MetricName=name,
        Dimensions=[{"Name": "service", "Value": watching.SERVICE}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Maximum"],
    )
    return max((point["Maximum"] for point in found["Datapoints"]), default=-1.0)


@pytest.fixture(scope="module")
def usual(session: Session, samples: list[Sample]) -> Watched:
    """What was said of scans like those that the model was judged on."""
    until(lambda: _has_baseline(session))
    (found,) = session.drift.ask([sample.content for sample in samples])
    return of_variant(found)


@pytest.fixture(scope="module")
def dusk(session: Session, samples: list[Sample], usual: Watched, heard: Any) -> list[Watched]:
    """What was said of the same scans, darker and blurred, in two looks."""
    found = session.drift.ask([dusk_of(sample.content) for sample in samples], looks=2)
    return [of_variant(each) for each in found]


def _has_baseline(session: Session) -> bool:
    with contextlib.suppress(NotFound):
        return session.drift.baseline().facts.samples > 0
    return False


def test_a_baseline_is_there_once_the_rollout_has_ended(
    session: Session, platform: Deployed, trained: Trained, usual: Watched
) -> None:
    facts = session.drift.baseline().facts
    counts = platform.dataset.record.counts
    held_out = sum(sum(counts[split].values()) for split in ("validation", "holdout"))
    assert (facts.model_version, facts.samples) == (trained.run.run_id, held_out)
    assert facts.classes == tuple("0123456789")
    assert session.drift.make_baseline().outcome == "known"


def test_scans_like_those_it_was_judged_on_are_no_drift(session: Session, usual: Watched) -> None:
    assert (usual.state, usual.alarm, usual.samples) == ("ok", False, IMAGES)
    assert figure(session, watching.RUNS) == 1


def test_darker_scans_are_drift_that_stays(session: Session, dusk: list[Watched]) -> None:
    assert [each.state for each in dusk] == ["drifted", "drifted"]
    assert [each.alarm for each in dusk] == [False, True]
    assert {"brightness", "contrast"} & set(dusk[1].moved)
    until(lambda: alarm(session, "drift") == "ALARM")


def test_drift_is_told_once_and_starts_a_training_run(
    session: Session, trained: Trained, heard: Any, dusk: list[Watched]
) -> None:
    (told,) = [each for each in until(heard) if each["detail-type"] == "Drift Detected"]
    detail = told["detail"]
    assert (detail["model_version"], detail["variant"]) == (trained.run.run_id, VARIANT)
    assert detail["report"] == dusk[1].report
    moment = datetime.fromisoformat(detail["time"])
    run = until(lambda: _run_of(session, f"run-{moment:%Y%m%d-%H%M%S}-"))
    assert run["input"]["dataset"] == "digits"
    session.aws.states.stop_execution(executionArn=run["arn"])


def _run_of(session: Session, beginning: str) -> dict[str, Any] | None:
    names, states = session.names, session.aws.states
    machine = names.state_machine_arn(names.training_machine, session.aws.account)
    found = states.list_executions(stateMachineArn=machine)["executions"]
    for each in found:
        if each["name"].startswith(beginning):
            described = states.describe_execution(executionArn=each["executionArn"])
            return {"arn": each["executionArn"], "input": json.loads(described["input"])}
    return None


def test_reports_can_be_read_shown_and_asked_about(
    session: Session, dusk: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = session.drift.report(variant=VARIANT)
    assert report.record.state == "drifted"
    assert "<h1" in report.page
    assert 'srcdoc="&lt;!' in report._repr_html_()  # in a frame, with a style of its own
    assert "drifted" in repr(report)
    assert "alarm" in repr(session.drift)
    assert len(session.drift.history()) >= 3
    monkeypatch.setattr(workbench, "open", lambda _environment: session)
    told = CliRunner().invoke(app, ["drift", "--json"])
    (row,) = [each for each in json.loads(told.stdout) if each["variant"] == VARIANT]
    assert (row["state"], row["alarm"]) == ("drifted", True)
    rows = session.query(
        "SELECT statistic FROM drift_reports WHERE drifted AND report_id = :report",
        report=report.record.report_id,
    )
    assert set(rows["statistic"]) == {"all", *report.record.moved}


def test_nobody_asking_is_not_enough_data_and_no_alarm(session: Session, usual: Watched) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=5)
    found = of_variant(session.drift.look(long_ago - timedelta(hours=1), long_ago))
    assert (found.state, found.samples, found.alarm) == ("not_enough_data", 0, False)
