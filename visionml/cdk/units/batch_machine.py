"""The batch machine: a request or a schedule's event goes in, rows and their sum come out.

Every group of parts is one job of AWS Batch. A group that fails leaves the others alone: the sum
says which parts are missing, and the same request again runs those only.
"""

from dataclasses import dataclass
from typing import Any

from visionml.cdk.units.batch_transform import Transform
from visionml.cdk.units.states import (
    State,
    announce,
    choose,
    expression,
    invoke,
    publish,
    retry,
    step,
)
from visionml.contracts.batch_machine import INCOMPLETE
from visionml.contracts.events import BATCH_BROKEN, BATCH_FINISHED, BATCH_SOURCE

PLAN_SECONDS = 900
"""A function runs no longer: enough to list some millions of images."""
SUM_SECONDS = 300
GROUP_SECONDS = 86_400
GROUPS_AT_ONCE = 40
"""As many as an inline map runs; what jobs run at once is up to their queue."""
_TRANSIENT_BATCH = ["Batch.AWSBatchException", "Batch.ServerException"]
_BROKEN = "PublishBroken"
_DAYS = 3


@dataclass(frozen=True)
class BatchParts:
    """What the machine calls: ARNs of its functions, its topic, its queue and its jobs."""

    planner_arn: str
    summariser_arn: str
    topic_arn: str
    queue_arn: str
    definition_arn: str
    results_bucket: str
    transform: Transform


def definition(parts: BatchParts) -> dict[str, Any]:
    """Return the machine's definition; its input is a ``BatchRequest`` or a schedule's event."""
    return {
        "Comment": "Plan, run every group of parts that is not done, count, tell.",
        "QueryLanguage": "JSONata",
        "StartAt": "Plan",
        "TimeoutSeconds": _DAYS * 86_400,
        "States": {
            **_planning(parts),
            **_transforming(parts.transform),
            **_running(parts),
            **_counting(parts),
            **_breaking(parts),
        },
    }


def _planning(parts: BatchParts) -> dict[str, State]:
    """Return the states that take the run and say what is left of it."""
    payload = {
        "given": "{% $states.input %}",
        "execution": "{% $states.context.Execution.Id %}",
    }
    plan = {
        **invoke(parts.planner_arn, payload, seconds=PLAN_SECONDS),
        "Assign": {"work": "{% $states.result.Payload %}"},
    }
    told = {"run_id": "{% $work.run_id %}", "status": "{% $work.status %}"}
    return {
        "Plan": step("Plan", plan, then="IsPlanned", otherwise=_BROKEN),
        "IsPlanned": choose(
            ("{% $work.status != 'planned' %}", "NothingToDo"),
            ("{% $work.remaining = 0 %}", "Sum"),
            ("{% $work.method = 'transform' %}", "CreateModel"),
            otherwise="HowMany",
        ),
        "HowMany": choose(("{% $work.groups_key != '' %}", "RunManyGroups"), otherwise="RunGroups"),
        "NothingToDo": {"Type": "Succeed", "Output": told},
    }


def _transforming(transform: Transform) -> dict[str, State]:
    """Return the states of a transform job; whatever it has answered is collected by the groups."""
    return {
        "CreateModel": _whatever(transform.create_model(), then="Transform", otherwise="Sum"),
        "Transform": _whatever(transform.run(), then="DeleteModel"),
        "DeleteModel": _whatever(transform.delete_model(), then="HowMany"),
    }


def _running(parts: BatchParts) -> dict[str, State]:
    """Return the states that run groups: a few in this execution, many in ones of their own."""
    order = {
        "run": "{% $work.run_id %}",
        "first": "{% $states.context.Map.Item.Value.first %}",
        "size": "{% $states.context.Map.Item.Value.size %}",
    }
    shared: State = {"Type": "Map", "ItemSelector": order, "Output": {}}
    few = {
        **shared,
        "Items": "{% $work.groups %}",
        "MaxConcurrency": GROUPS_AT_ONCE,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **_group(parts, "RunGroup")},
    }
    many = {
        **shared,
        "Label": "Groups",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Arguments": {"Bucket": parts.results_bucket, "Key": "{% $work.groups_key %}"},
        },
        "MaxConcurrency": GROUPS_AT_ONCE,
        "ToleratedFailurePercentage": 100,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            **_group(parts, "RunOneOfMany"),
        },
    }
    return {
        "RunGroups": _whatever(few, then="Sum"),
        "RunManyGroups": _whatever(many, then="Sum"),
    }


def _group(parts: BatchParts, name: str) -> State:
    """Return the states of one group: a job that fails is told of by what it has not done."""
    failure = {"first": "{% $states.input.first %}", "error": "{% $states.errorOutput.Error %}"}
    run = {
        "Type": "Task",
        "Resource": "arn:aws:states:::batch:submitJob.sync",
        "Arguments": _job(parts),
        "Output": {"first": "{% $states.input.first %}"},
        "TimeoutSeconds": GROUP_SECONDS,
        "Retry": retry(_TRANSIENT_BATCH),
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": failure, "Next": f"{name}Failed"}],
        "End": True,
    }
    return {"StartAt": name, "States": {name: run, f"{name}Failed": {"Type": "Pass", "End": True}}}


def _job(parts: BatchParts) -> str:
    """Return a group's job: an array of its parts, or a plain job of its only one."""
    job = {
        "JobName": "{% 'batch-' & $states.input.run & '-' & $string($states.input.first) %}",
        "JobQueue": parts.queue_arn,
        "JobDefinition": parts.definition_arn,
        "ContainerOverrides": {
            "Command": [
                "batch",
                "--run",
                "{% $states.input.run %}",
                "--first",
                "{% $string($states.input.first) %}",
            ]
        },
    }
    array = "{'ArrayProperties': {'Size': $states.input.size}}"
    return f"{{% $merge([{expression(job)}, $states.input.size > 1 ? {array} : {{}}]) %}}"


def _counting(parts: BatchParts) -> dict[str, State]:
    """Return the states from the last job to the end."""
    count = {
        **invoke(parts.summariser_arn, {"run_id": "{% $work.run_id %}"}, seconds=SUM_SECONDS),
        "Assign": {"sum": "{% $states.result.Payload %}"},
    }
    message = (
        "{% 'The batch run ' & $sum.run_id & ' has ' & $string($sum.results) & ' results and ' "
        "& $string($sum.failures) & ' recorded failures of ' & $string($sum.inputs) & ' images. ' "
        "& $missing %}"
    )
    missing = (
        "{% $count($sum.missing_parts) = 0 ? '' : 'Missing are the parts ' "
        "& $join($map($sum.missing_parts, $string), ', ') & ' of ' & $string($sum.parts) "
        "& '. The same run again runs those only.' %}"
    )
    return {
        "Sum": step("Sum", count, then="Missing", otherwise=_BROKEN),
        "Missing": {"Type": "Pass", "Assign": {"missing": missing}, "Next": "PublishFinished"},
        "PublishFinished": _whatever(
            publish(BATCH_SOURCE, BATCH_FINISHED, "{% $sum %}"), then="AnnounceFinished"
        ),
        "AnnounceFinished": _whatever(
            announce(parts.topic_arn, "{% 'A batch run ' & $sum.outcome %}", message),
            then="IsComplete",
        ),
        "IsComplete": choose(("{% $sum.outcome = 'succeeded' %}", "Done"), otherwise="Incomplete"),
        "Done": {"Type": "Succeed", "Output": "{% $sum %}"},
        "Incomplete": {"Type": "Fail", "Error": INCOMPLETE, "Cause": "{% $missing %}"},
    }


def _breaking(parts: BatchParts) -> dict[str, State]:
    """Return the states of a run that could not be planned or counted."""
    failure = {name: f"{{% $failure.{name} %}}" for name in ("step", "error", "cause")}
    message = (
        "{% 'A batch run broke at the step ' & $failure.step & ': ' & $failure.error & '. ' "
        "& $failure.cause %}"
    )
    about = {"execution": "{% $states.context.Execution.Id %}", **failure}
    return {
        _BROKEN: _whatever(publish(BATCH_SOURCE, BATCH_BROKEN, about), then="AnnounceBroken"),
        "AnnounceBroken": _whatever(
            announce(parts.topic_arn, "A batch run broke", message), then="Broken"
        ),
        "Broken": {"Type": "Fail", "Error": failure["error"], "Cause": failure["cause"]},
    }


def _whatever(state: State, *, then: str, otherwise: str = "") -> State:
    """Go on whatever happens: the sum says what is missing."""
    caught = {"ErrorEquals": ["States.ALL"], "Next": otherwise or then}
    return {**state, "Catch": [caught], "Next": then}
