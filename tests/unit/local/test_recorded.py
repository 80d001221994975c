"""Types that are only recorded: named in the documentation, and sensible in references."""

import re
from pathlib import Path

import pytest

from visionml.local import ministack, resources
from visionml.local.recorded import RECORDED, Place, held

_PAGE = Path(__file__).parents[3] / "docs" / "local-fidelity.md"
_PLACE = Place("us-east-1", "000000000000", "stack-Logical-0123456789ABC")


def test_the_page_lists_exactly_what_is_recorded_and_why() -> None:
    rows = re.findall(r"^\| `(AWS::[\w:]+)` \| (.+?) \|$", _PAGE.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {name: each.without for name, each in RECORDED.items()}
    assert len(rows) == len(RECORDED)


def test_a_type_that_ministack_serves_is_not_recorded_instead() -> None:
    served = ministack.resource_types()
    assert served.isdisjoint(RECORDED) or RECORDED.keys() <= served
    resources.install()
    assert RECORDED.keys() <= ministack.resource_types()


def test_only_the_recorded_among_some_types_are_held() -> None:
    types = ["AWS::S3::Bucket", "AWS::EC2::FlowLog", "AWS::Batch::SchedulingPolicy"]
    assert list(held(types)) == ["AWS::Batch::SchedulingPolicy", "AWS::EC2::FlowLog"]


@pytest.mark.parametrize(
    ("type_name", "properties", "ref"),
    [
        (
            "AWS::Batch::SchedulingPolicy",
            {},
            "arn:aws:batch:us-east-1:000000000000:scheduling-policy/stack-Logical-0123456789ABC",
        ),
        ("AWS::Budgets::Budget", {"Budget": {"BudgetName": "monthly"}}, "monthly"),
        ("AWS::CloudTrail::Trail", {"TrailName": "audit"}, "audit"),
        ("AWS::WAFv2::WebACLAssociation", {"WebACLArn": "a", "ResourceArn": "b"}, "a|b"),
    ],
)
def test_ref_is_what_cloudformation_returns(
    type_name: str, properties: dict[str, object], ref: str
) -> None:
    assert RECORDED[type_name].ref(properties, _PLACE) == ref


@pytest.mark.parametrize("type_name", RECORDED)
def test_every_reference_is_a_stable_string(type_name: str) -> None:
    recorded = RECORDED[type_name]
    first, second = (recorded.ref({}, _PLACE) for _ in range(2))
    assert first == second != ""
    for make in recorded.attributes.values():
        assert make(first, _PLACE) == make(first, _PLACE) != ""
