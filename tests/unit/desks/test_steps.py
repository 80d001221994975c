"""How the steps of an execution are told."""

from visionml.aws.executions import Step
from visionml.desks.steps import told


def test_a_step_that_is_entered_again_is_told_once() -> None:
    lines: list[str] = []
    tell = told(lines.append)
    names = ("PlanRun", "PrepareShard", "PrepareShard", "Wait", "Describe", "Wait", "Describe")
    for event, name in enumerate(names):
        tell(Step(name, event))
    assert [line.split()[-1] for line in lines] == ["PlanRun", "PrepareShard", "Wait", "Describe"]
