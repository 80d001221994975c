"""Policies that allow publishing into one namespace are decided as in an account."""

from typing import Any

import pytest
from ministack.core import iam_actions

from visionml.local import ministack


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam_actions, "request_tag_context", iam_actions.request_tag_context)
    ministack.name_metric_namespaces()


def context(action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = iam_actions.request_tag_context("cloudwatch", action, body, params)
    return found


@pytest.mark.parametrize(
    ("body", "params", "namespace"),
    [
        (b'{"Namespace": "VisionML", "MetricData": []}', {}, "VisionML"),
        (b"Action=PutMetricData&Namespace=VisionML", {"Namespace": ["VisionML"]}, "VisionML"),
        (b"", {"Namespace": "VisionML"}, "VisionML"),
        (b"\xa0", {}, ""),
        (b"[]", {}, ""),
    ],
)
def test_the_namespace_is_a_condition_key(
    body: bytes, params: dict[str, Any], namespace: str
) -> None:
    found = context("cloudwatch:PutMetricData", body, params)
    assert found["cloudwatch:namespace"] == namespace


def test_other_actions_have_no_namespace() -> None:
    found = context("cloudwatch:PutMetricAlarm", b'{"Namespace": "VisionML"}', {})
    assert "cloudwatch:namespace" not in found
