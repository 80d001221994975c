"""The drill: models that every gate lets pass are forced into production, and taken back."""

import pytest

from tests.functional.platform import Deployed
from visionml.aws.packages import Packages
from visionml.contracts.deployment import DeploymentOutcome
from visionml.desks.datasets import Sample
from visionml.desks.drill import BAD_MODELS, Fault


@pytest.fixture(scope="module")
def bad(platform: Deployed, promoted: DeploymentOutcome) -> dict[Fault, str]:
    """The versions of the bad models; all of them have passed the gates."""
    return platform.session.drill.train()


@pytest.fixture(scope="module")
def samples(platform: Deployed) -> list[Sample]:
    return platform.dataset.samples(10, split="holdout")


@pytest.mark.parametrize("fault", BAD_MODELS)
def test_a_bad_model_that_passed_the_gates_is_stopped_by_its_alarm(
    platform: Deployed, bad: dict[Fault, str], samples: list[Sample], fault: Fault
) -> None:
    session = platform.session
    good = session.models.active()
    seen = session.drill.rehearse(fault, bad[fault], samples)
    verdict = session.drill.verdict(fault, seen)
    assert list(verdict.index[~verdict["held"]]) == [], seen.outcome
    assert len(verdict) == 8
    assert seen.before == good == session.models.active()
    assert seen.requests["version"].iloc[-1] == good
    assert seen.failed == 0 or fault != "mislabelled"
    assert seen.failed > 0 or fault != "brittle"
    times = seen.times()
    assert (times["took"] > 0).all()
    assert {"Wait", "Probe"} <= set(times.index)
    record = session.models.open(bad[fault])
    package = Packages(session.aws.sagemaker).describe(record.model_package_arn)
    assert package.approval == "Rejected"


def test_the_bad_models_are_trained_once(platform: Deployed, bad: dict[Fault, str]) -> None:
    assert platform.session.drill.train() == bad
