"""A challenger in production: who is answered by it, how it scales, what its labels say."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from tests.functional.platform import Deployed, Trained
from tests.functional.waiting import until
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.experiments import CALLER_HEADER
from visionml.desks.datasets import Sample
from visionml.errors import Conflict, RequestRefused
from visionml.plots import experiments
from visionml.serving.sticky import chosen, pseudonym
from visionml.workbench import Session

WEIGHTS = {"ModelA": 60.0, "ModelB": 40.0}
CALLERS = 12


@pytest.fixture(scope="module")
def session(
    platform: Deployed, trained: Trained, another: Trained, promoted: DeploymentOutcome
) -> Iterator[Session]:
    """The first version with the second one beside it; at the end the first one alone."""
    session, first = platform.session, trained.run.run_id
    session.models.promote(first, challenger=another.run.run_id)
    session.endpoint.set_traffic(**WEIGHTS)
    yield session
    if len(session.endpoint.state().variants) > 1:
        session.models.rollback(first)


@pytest.fixture(scope="module")
def samples(platform: Deployed) -> list[Sample]:
    return platform.dataset.samples(5, split="holdout")[: 4 * CALLERS]


@pytest.fixture(scope="module")
def failed_before(session: Session) -> "pd.Series[int]":
    """What had failed in the minute in which the two variants began, before they did."""
    return session.experiments.table()["failed"]


@pytest.fixture(scope="module")
def rehearsed(
    session: Session, samples: list[Sample], failed_before: "pd.Series[int]"
) -> pd.DataFrame:
    """Images with labels, sent by callers in turn, and their truth told."""
    return session.experiments.rehearse(samples, callers=CALLERS)


def scaling(session: Session, variant: str) -> list[dict[str, Any]]:
    """Return the policies by which a variant scales."""
    found = session.aws.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{session.names.endpoint}/variant/{variant}",
    )
    return list(found["ScalingPolicies"])


def test_a_challenger_scales_as_the_champion_does(session: Session) -> None:
    ((a,), (b,)) = scaling(session, "ModelA"), until(lambda: scaling(session, "ModelB"))
    rules = "TargetTrackingScalingPolicyConfiguration"
    assert b["PolicyName"] == a["PolicyName"]
    assert b[rules] == {**a[rules], "TargetValue": float(a[rules]["TargetValue"])}


def test_callers_keep_the_variant_that_the_weights_give_them(rehearsed: pd.DataFrame) -> None:
    found = rehearsed.groupby("caller")["variant"].agg(["nunique", "first"])
    assert len(found) == CALLERS
    assert (found["nunique"] == 1).all()
    wanted = {caller: chosen(pseudonym(str(caller)), WEIGHTS) for caller in found.index}
    assert found["first"].to_dict() == wanted
    assert set(wanted.values()) == {"ModelA", "ModelB"}


def test_labels_are_counted_for_the_variant_and_the_version_that_answered(
    session: Session, rehearsed: pd.DataFrame, trained: Trained, another: Trained
) -> None:
    found = session.experiments.compare()
    labelled = rehearsed.groupby("variant")["right"].agg(["size", "sum"])
    counted = found.table[["labelled", "right"]]
    assert found.table["version"].to_dict() == {
        "ModelA": trained.run.run_id,
        "ModelB": another.run.run_id,
    }
    assert counted.to_numpy().tolist() == labelled.loc[counted.index].to_numpy().tolist()
    assert found.a.right.trials + found.b.right.trials == len(rehearsed)
    assert found.sentence
    drawn = experiments.against(found)
    assert drawn.description == found.sentence


def test_latencies_and_failures_of_each_variant_are_cloudwatchs(
    session: Session, rehearsed: pd.DataFrame, failed_before: "pd.Series[int]"
) -> None:
    counts = rehearsed["variant"].value_counts()

    def measured() -> bool:
        return bool((session.experiments.table()["invocations"] >= counts).all())

    until(measured)
    table = session.experiments.table()
    assert table["failed"].to_dict() == failed_before.to_dict()
    assert (table["latency p50 ms"] > 0).all()
    assert (table["latency p99 ms"] >= table["latency p50 ms"]).all()
    per_minute = session.experiments.shares(minutes=60)
    assert set(per_minute) == {"ModelA", "ModelB"}
    assert (per_minute.sum() >= counts).all()


def test_a_truth_is_told_once(session: Session, rehearsed: pd.DataFrame) -> None:
    told = rehearsed.iloc[0]
    other = next(label for label in "0123456789" if label != told["label"])
    again = session.predictions.label(told["prediction_id"], told["label"])
    assert again.right == told["right"]
    for label, status, code in ((other, 409, "other_truth"), ("", 400, "invalid_request")):
        path = f"/predictions/{told['prediction_id']}/truth"
        body = json.dumps({"label": label}).encode()
        answer = session.api.ask(body, content_type="application/json", path=path)
        assert (answer.status, answer.told()["code"]) == (status, code)
    with pytest.raises(RequestRefused) as refused:
        session.predictions.label("f" * 32, "7", patience_seconds=0)
    assert refused.value.status == 404


def test_a_class_that_the_model_does_not_have_is_no_truth(
    session: Session, samples: list[Sample]
) -> None:
    prediction = session.api.predict(samples[0].content)
    with pytest.raises(RequestRefused, match="It tells apart: 0, 1, 2") as refused:
        session.predictions.label(prediction.prediction_id, "cat")
    assert refused.value.status == 422


def test_a_policy_suggests_traffic_that_the_endpoint_takes(
    session: Session, rehearsed: pd.DataFrame
) -> None:
    weights = session.experiments.suggest("thompson", floor=0.1)
    assert sum(weights.values()) == pytest.approx(100, abs=0.1)
    assert min(weights.values()) >= 10
    shares = session.endpoint.set_traffic(**weights)["share"]
    assert shares["ModelB"] == pytest.approx(weights["ModelB"] / 100, abs=0.01)
    session.endpoint.set_traffic(**WEIGHTS)


def test_callers_of_a_challenger_that_is_gone_are_answered_all_the_same(
    session: Session, samples: list[Sample], rehearsed: pd.DataFrame, trained: Trained
) -> None:
    caller = rehearsed.loc[rehearsed["variant"] == "ModelB", "caller"].iloc[0]
    session.models.rollback(trained.run.run_id)
    answer = session.api.ask(
        samples[0].content, content_type="application/x-image", headers={CALLER_HEADER: caller}
    )
    assert (answer.status, answer.body["variant"]) == (200, "ModelA")
    until(lambda: not scaling(session, "ModelB"))
    assert scaling(session, "ModelA")
    with pytest.raises(Conflict, match="serves no ModelB"):
        session.experiments.compare()


def test_answers_of_the_async_way_can_be_told_their_truth_too(
    session: Session, samples: list[Sample]
) -> None:
    asked = session.api.client.submit(samples[1].content)
    session.api.client.collect(asked, patience_seconds=300)
    label = samples[1].entry.label
    told = session.predictions.label(asked, label, patience_seconds=300)
    assert (told.prediction_id, told.label) == (asked, label)
