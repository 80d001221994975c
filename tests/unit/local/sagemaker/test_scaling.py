"""Changing weights and instance counts of an endpoint that serves."""

from typing import Any

import pytest

from tests.fakes.fleets import HandClock, PaperVariant, Surroundings, paper_variant, serving
from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.fleet import Fleet
from visionml.local.sagemaker.hosting import Endpoint
from visionml.local.sagemaker.scaling import changes, scale


@pytest.fixture
def endpoint() -> Endpoint:
    return serving(Fleet("config", [paper_variant("A", 2, weight=0.8), paper_variant("B", 1)]))


def applied(endpoint: Endpoint, *wanted: dict[str, Any]) -> Surroundings:
    cloud = Surroundings(HandClock(endpoint))
    scale(endpoint, changes(endpoint, wanted), cloud)
    return cloud


def summaries(endpoint: Endpoint) -> list[tuple[str, float, int, int]]:
    return [
        (
            each["VariantName"],
            each["CurrentWeight"],
            each["CurrentInstanceCount"],
            each["DesiredInstanceCount"],
        )
        for each in endpoint.described()["ProductionVariants"]
    ]


def test_weights_and_counts_become_what_was_asked_for(endpoint: Endpoint) -> None:
    cloud = applied(
        endpoint,
        {"VariantName": "A", "DesiredInstanceCount": 1, "DesiredWeight": 0.5},
        {"VariantName": "B", "DesiredInstanceCount": 3},
    )
    assert summaries(endpoint) == [("A", 0.5, 1, 1), ("B", 1.0, 3, 3)]
    assert endpoint.status == "InService"
    details = [detail for _, detail in cloud.events]
    assert [detail["EndpointStatus"] for detail in details] == [
        "UPDATING",
        "UPDATING",
        "IN_SERVICE",
    ]
    said = [each["VariantStatus"][0] for each in details[1]["ProductionVariants"]]
    assert [(each["Status"], each["StatusMessage"]) for each in said] == [
        ("Updating", "Scaling in desired instance count to 1."),
        ("Updating", "Scaling out desired instance count to 3."),
    ]
    assert "VariantStatus" not in details[2]["ProductionVariants"][0]


def test_while_it_scales_desired_and_current_differ(endpoint: Endpoint) -> None:
    changes(endpoint, [{"VariantName": "B", "DesiredInstanceCount": 2, "DesiredWeight": 4}])
    (_, second) = endpoint.described()["ProductionVariants"]
    assert (second["CurrentWeight"], second["DesiredWeight"]) == (1.0, 4.0)
    assert (second["CurrentInstanceCount"], second["DesiredInstanceCount"]) == (1, 2)


def test_instances_that_do_not_come_leave_everything_as_it_was(endpoint: Endpoint) -> None:
    assert endpoint.fleet is not None
    variant = endpoint.fleet.variants[1]
    assert isinstance(variant, PaperVariant)
    variant.fails_after = 1
    cloud = applied(
        endpoint,
        {"VariantName": "A", "DesiredInstanceCount": 4, "DesiredWeight": 0.1},
        {"VariantName": "B", "DesiredInstanceCount": 2},
    )
    assert summaries(endpoint) == [("A", 0.8, 2, 2), ("B", 1.0, 1, 1)]
    assert endpoint.facts["FailureReason"] == "No more paper."
    assert [detail["EndpointStatus"] for _, detail in cloud.events][-2:] == [
        "ROLLING_BACK",
        "IN_SERVICE",
    ]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ([{"VariantName": "Z", "DesiredWeight": 1}], 'Could not find variant "Z"'),
        ([{"VariantName": "A"}], "One of DesiredWeight and DesiredInstanceCount"),
        ([{"VariantName": "A", "DesiredInstanceCount": 0}], "must be at least 1"),
        ([{"VariantName": "A", "DesiredWeight": 1}] * 2, "must be unique"),
        (
            [{"VariantName": "A", "ServerlessUpdateConfig": {"MaxConcurrency": 1}}],
            "does not offer serverless variants",
        ),
    ],
)
def test_a_bad_change_changes_nothing(
    endpoint: Endpoint, wanted: list[dict[str, Any]], reason: str
) -> None:
    before = summaries(endpoint)
    with pytest.raises(Fault, match=reason):
        changes(endpoint, wanted)
    assert summaries(endpoint) == before
