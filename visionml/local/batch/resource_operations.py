"""The operations on compute environments and job queues."""

from collections.abc import Sequence
from typing import Any, TypeVar

from visionml.local import ministack
from visionml.local.batch.core import FARGATE, NAME, SPOT, Environment, Queue, arn_of
from visionml.local.batch.faults import Fault, client, denied, invalid, not_offered
from visionml.local.batch.paging import page
from visionml.local.batch.world import World
from visionml.local.sagemaker.core import Caller, Document, Scope

_KINDS = (*FARGATE, "EC2", "SPOT")
_EC2_ONLY = (
    "allocationStrategy",
    "bidPercentage",
    "desiredvCpus",
    "ec2Configuration",
    "ec2KeyPair",
    "imageId",
    "instanceRole",
    "instanceTypes",
    "launchTemplate",
    "minvCpus",
    "placementGroup",
    "spotIamFleetRole",
)
_MOST_ENVIRONMENTS = 3
_TIME_LIMITS = range(600, 86401)
_CANCELLED = "The job queue was deleted"


def create_environment(world: World, caller: Caller, request: Document) -> Document:
    """CreateComputeEnvironment."""
    scope, name = caller.scope, request["computeEnvironmentName"]
    _check_name(name, "computeEnvironmentName")
    if request["type"] != "MANAGED":
        raise not_offered("compute environments of type UNMANAGED")
    if request.get("eksConfiguration"):
        raise not_offered("compute environments on Amazon EKS")
    resources = request.get("computeResources")
    if not resources:
        raise invalid("computeResources must be provided for a MANAGED compute environment")
    _check_resources(resources)
    role = request.get("serviceRole") or _linked_role(scope)
    if request.get("serviceRole"):
        lend_role(caller, role, "batch.amazonaws.com")
    kept = {"state": "ENABLED", **_without_tags(request), "serviceRole": role}
    environment = Environment(
        scope,
        name,
        arn_of(scope, "compute-environment", name),
        kept,
        tags=dict(request.get("tags", {})),
    )
    if not world.state.environments.add(environment):
        raise client("Object already exists")
    return _environment(environment)


def describe_environments(world: World, caller: Caller, request: Document) -> Document:
    """DescribeComputeEnvironments."""
    found = _chosen(
        world.state.environments.of(caller.scope), request.get("computeEnvironments") or []
    )
    return page("computeEnvironments", found, request, lambda each: each.described())


def update_environment(world: World, caller: Caller, request: Document) -> Document:
    """UpdateComputeEnvironment."""
    state = world.state
    with state.lock:
        environment = state.environment(caller.scope, request["computeEnvironment"])
        resources = {**environment.resources, **request.get("computeResources", {})}
        _check_resources(resources)
        if request.get("serviceRole"):
            lend_role(caller, request["serviceRole"], "batch.amazonaws.com")
        changed = {k: v for k, v in request.items() if k != "computeEnvironment"}
        environment.request = {**environment.request, **changed, "computeResources": resources}
    world.dispatcher.look()
    return _environment(environment)


def delete_environment(world: World, caller: Caller, request: Document) -> Document:
    """DeleteComputeEnvironment."""
    state = world.state
    with state.lock:
        environment = state.environment(caller.scope, request["computeEnvironment"])
        if environment.enabled:
            raise client("Cannot delete, compute environment must be in DISABLED state")
        if any(environment.arn in queue.environments for queue in state.queues.of(caller.scope)):
            raise client("Cannot delete, found existing JobQueue relationship")
        state.environments.remove(environment)
    return {}


def create_queue(world: World, caller: Caller, request: Document) -> Document:
    """CreateJobQueue."""
    scope, name = caller.scope, request["jobQueueName"]
    _check_name(name, "jobQueueName")
    if request.get("serviceEnvironmentOrder"):
        raise not_offered("queues of SageMaker training jobs (serviceEnvironmentOrder)")
    kept = {"state": "ENABLED", "computeEnvironmentOrder": [], **_without_tags(request)}
    queue = Queue(
        scope, name, arn_of(scope, "job-queue", name), kept, tags=dict(request.get("tags", {}))
    )
    with world.state.lock:
        _settle(world, queue, queue.request)
        if not world.state.queues.add(queue):
            raise client("Object already exists")
    return _queue(queue)


def describe_queues(world: World, caller: Caller, request: Document) -> Document:
    """DescribeJobQueues."""
    found = _chosen(world.state.queues.of(caller.scope), request.get("jobQueues") or [])
    return page("jobQueues", found, request, lambda each: each.described())


def update_queue(world: World, caller: Caller, request: Document) -> Document:
    """UpdateJobQueue."""
    with world.state.lock:
        queue = world.state.queue(caller.scope, request["jobQueue"])
        changed = {k: v for k, v in request.items() if k != "jobQueue"}
        _settle(world, queue, {**queue.request, **changed})
    world.dispatcher.look()
    return _queue(queue)


def delete_queue(world: World, caller: Caller, request: Document) -> Document:
    """DeleteJobQueue: its jobs are ended, too."""
    state = world.state
    with state.lock:
        queue = state.queue(caller.scope, request["jobQueue"])
        if queue.enabled:
            raise client("Cannot delete, job queue must be in DISABLED state")
        for job in list(state.of_queue(queue)):
            if not job.ended.is_set():
                world.dispatcher.terminate(job, _CANCELLED)
        state.queues.remove(queue)
    return {}


def lend_role(caller: Caller, role: str, principal: str) -> None:
    """Refuse a role that the caller may not pass.

    Raises
    ------
    Fault
        IAM does not allow it.
    """
    context = {"iam:PassedToService": principal}
    reason = ministack.denial(caller.access_key, "iam:PassRole", role, context)
    if reason:
        raise denied(reason)


def _settle(world: World, queue: Queue, request: Document) -> None:
    """Give a queue its settings, with the ARNs of its environments."""
    order = request["computeEnvironmentOrder"]
    if request.get("schedulingPolicyArn"):
        raise not_offered("fair-share scheduling (schedulingPolicyArn)")
    if request["priority"] < 0:
        raise invalid("Priority must be at least 0")
    if not 1 <= len(order) <= _MOST_ENVIRONMENTS:
        raise invalid(f"computeEnvironmentOrder must have 1 to {_MOST_ENVIRONMENTS} items")
    if len({each["order"] for each in order}) != len(order):
        raise invalid("Orders of compute environments must be unique")
    for action in request.get("jobStateTimeLimitActions", []):
        if action["maxTimeSeconds"] not in _TIME_LIMITS or action["action"] != "CANCEL":
            raise invalid("jobStateTimeLimitActions cancel jobs after 600 to 86400 seconds")
    found = [_known(world, queue.scope, each["computeEnvironment"]) for each in order]
    if len({each.kind in FARGATE for each in found}) > 1:
        raise invalid("Fargate and EC2 compute environments cannot be mixed in a job queue")
    kept = [
        {"order": each["order"], "computeEnvironment": environment.arn}
        for each, environment in zip(order, found, strict=True)
    ]
    queue.request = {**request, "computeEnvironmentOrder": kept}


def _known(world: World, scope: Scope, name: str) -> Environment:
    try:
        return world.state.environment(scope, name)
    except Fault as fault:
        raise invalid(f"{name} is not a valid compute environment") from fault


def _check_name(name: str, member: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid(f"{member} should match valid pattern")


def _check_resources(resources: Document) -> None:
    kind = resources["type"]
    if kind not in _KINDS:
        raise not_offered(f"compute resources of type {kind}")
    if resources["maxvCpus"] < 1:
        raise invalid("computeResources maxvCpus must be at least 1")
    if resources.get("minvCpus", 0) > resources["maxvCpus"]:
        raise invalid("computeResources minvCpus must not be greater than maxvCpus")
    if not resources.get("subnets"):
        raise invalid("computeResources subnets must not be empty")
    if kind in FARGATE:
        given = [name for name in _EC2_ONLY if resources.get(name)]
        if given:
            raise invalid(f"{given[0]} is not applicable to Fargate compute resources")
        if not resources.get("securityGroupIds"):
            raise invalid("computeResources securityGroupIds must not be empty for Fargate")
    elif kind not in SPOT and resources.get("bidPercentage"):
        raise invalid("bidPercentage is applicable to SPOT compute resources only")


T = TypeVar("T", Environment, Queue)


def _chosen(records: Sequence[T], names: Sequence[str]) -> list[T]:
    if not names:
        return list(records)
    return [each for each in records if each.name in names or each.arn in names]


def _without_tags(request: Document) -> Document:
    return {name: value for name, value in request.items() if name != "tags"}


def _linked_role(scope: Scope) -> str:
    path = "aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
    return f"arn:aws:iam::{scope.account}:role/{path}"


def _environment(each: Environment) -> dict[str, Any]:
    return {"computeEnvironmentName": each.name, "computeEnvironmentArn": each.arn}


def _queue(each: Queue) -> dict[str, Any]:
    return {"jobQueueName": each.name, "jobQueueArn": each.arn}
