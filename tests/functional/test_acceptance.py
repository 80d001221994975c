"""The acceptance plan on the deployed platform, and whether it would notice what is wrong."""

import pytest

from tests.functional.platform import Deployed
from visionml.contracts.deployment import DeploymentOutcome
from visionml.dataset.samples import enlarged, photograph
from visionml.desks.datasets import Sample
from visionml.errors import InvalidInput


@pytest.fixture(scope="module")
def seven(platform: Deployed, promoted: DeploymentOutcome) -> Sample:
    """A scan that the model reads rightly."""
    samples = platform.dataset.samples(3, split="holdout")
    api = platform.session.api
    return next(each for each in samples if api.predict(each.content).label == each.entry.label)


def test_every_criterion_is_met(platform: Deployed, seven: Sample) -> None:
    large = enlarged(photograph(), megapixels=12)
    table = platform.session.acceptance.run(seven, photograph=photograph(), large=large)
    assert table[~table["met"]].empty, table.loc[~table["met"], ["expected", "seen"]].to_dict()
    assert len(table) == 15


def test_a_wrong_answer_is_noticed(platform: Deployed, seven: Sample) -> None:
    mistaken = seven._replace(entry=seven.entry.model_copy(update={"label": "none"}))
    large = enlarged(photograph(), megapixels=12)
    table = platform.session.acceptance.run(mistaken, photograph=photograph(), large=large)
    assert table.index[~table["met"]].tolist() == [
        "known image",
        "the same in JSON",
        "collected later",
    ]


def test_the_plan_needs_an_image_that_no_request_can_hold(
    platform: Deployed, seven: Sample
) -> None:
    with pytest.raises(InvalidInput, match="fit into a request"):
        platform.session.acceptance.run(seven, photograph=photograph(), large=photograph())


def test_the_bounds_and_the_reasons_of_scaling_are_shown(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    serving, endpoint = platform.session.settings.serving, platform.session.endpoint
    bounds = endpoint.scaling()
    assert bounds.loc["ModelA"].to_dict() == {
        "minimum": serving.minimum_instances,
        "maximum": serving.maximum_instances,
        "instances": serving.initial_instances,
    }
    assert list(endpoint.scaling_activities().columns) == ["status", "what", "why"]
