"""How the steps of an execution are told."""

from visionml.aws.executions import Step
from visionml.desks.steps import told


def test_a_step_that_each_item_of_a_map_enters_is_told_once() -> None:
    lines: list[str] = []
    tell = told(lines.append)
    names = ("PlanRun", "PrepareShards", "PrepareShard", "PrepareShard", "Train")
    for event, name in enumerate(names):
        tell(Step(name, event))
    assert [line.split()[-1] for line in lines] == ["PlanRun", *names[1:3], "Train"]
