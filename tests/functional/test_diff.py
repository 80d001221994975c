"""What a deployment would change, asked of an environment that stands."""

import contextlib

from tests.functional.platform import TRIGGERED, Deployed
from visionml import workbench
from visionml.local.state import Project


def test_a_standing_environment_differs_in_what_was_changed_alone(
    platform: Deployed, local_project: Project
) -> None:
    changed = {**TRIGGERED, "stream.enhanced_fan_out": True, "alarms.delivery_age_seconds": 2000}
    with contextlib.chdir(local_project.folder.parent):
        session = workbench.open("local", overrides=changed, say=lambda _line: None)
        found = session.stacks.diff()
    new = found[found["kind"] == "added"]
    assert new["type"].tolist() == ["AWS::Kinesis::StreamConsumer"]
    updated = found[found["kind"] == "updated"]
    assert "AWS::CloudWatch::Alarm" in set(updated["type"])
    replaced = found[found["kind"] == "replaced"]
    assert replaced["type"].tolist() == ["AWS::Lambda::EventSourceMapping"]
    widened = found[found["kind"] == "permissions widened"]["what"].tolist()
    assert widened
    assert all("kinesis:" in what for what in widened)
    assert found[found["kind"] == "removed"].empty
