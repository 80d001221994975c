"""The operations on job definitions."""

from visionml.local.batch import retries
from visionml.local.batch.attempts import TASKS
from visionml.local.batch.core import NAME, Definition, arn_of
from visionml.local.batch.faults import client, invalid, not_offered
from visionml.local.batch.paging import page
from visionml.local.batch.resource_operations import lend_role
from visionml.local.batch.specifications import container_of, timeout_of
from visionml.local.batch.world import World
from visionml.local.sagemaker.core import Caller, Document

_REFUSED = {
    "nodeProperties": "multi-node parallel jobs (nodeProperties)",
    "eksProperties": "jobs on Amazon EKS (eksProperties)",
    "ecsProperties": "jobs of several containers (ecsProperties)",
    "consumableResourceProperties": "consumable resources",
}


def register(world: World, caller: Caller, request: Document) -> Document:
    """RegisterJobDefinition."""
    name = request["jobDefinitionName"]
    if not NAME.fullmatch(name):
        raise invalid("jobDefinitionName should match valid pattern")
    for member, words in _REFUSED.items():
        if request.get(member):
            raise not_offered(words)
    if request["type"] != "container":
        raise not_offered(f"job definitions of type {request['type']}")
    platforms = list(request.get("platformCapabilities") or ["EC2"])
    if len(platforms) != 1:
        raise invalid("Only one platform capability is allowed")
    container = container_of(request.get("containerProperties", {}), platforms[0])
    for role in (container.get("jobRoleArn"), container.get("executionRoleArn")):
        if role:
            lend_role(caller, role, TASKS)
    strategy = request.get("retryStrategy")
    timeout_of(request.get("timeout", {}))
    kept = {
        **{key: value for key, value in request.items() if key != "tags"},
        "parameters": dict(request.get("parameters", {})),
        "platformCapabilities": platforms,
        "containerProperties": container,
        **({"retryStrategy": retries.checked(strategy)} if strategy else {}),
    }
    made = _kept(world, caller, kept, dict(request.get("tags", {})))
    return {
        "jobDefinitionName": name,
        "jobDefinitionArn": made.arn,
        "revision": made.revision,
    }


def describe(world: World, caller: Caller, request: Document) -> Document:
    """DescribeJobDefinitions."""
    wanted, status = request.get("jobDefinitions") or [], request.get("status")
    found = [
        each
        for each in world.state.definitions.of(caller.scope)
        if (not wanted or each.name in wanted or each.arn in wanted)
        and request.get("jobDefinitionName", each.family) == each.family
        and status in (None, each.status)
    ]
    return page("jobDefinitions", found[::-1], request, lambda each: each.described())


def deregister(world: World, caller: Caller, request: Document) -> Document:
    """DeregisterJobDefinition: jobs that were submitted go on."""
    name = request["jobDefinition"]
    bare = name.removeprefix(arn_of(caller.scope, "job-definition", ""))
    found = world.state.definitions.get(caller.scope, bare)
    if found is None:
        raise client(f"{name} does not exist")
    found.status = "INACTIVE"
    return {}


def _kept(world: World, caller: Caller, request: Document, tags: dict[str, str]) -> Definition:
    scope, family = caller.scope, request["jobDefinitionName"]
    with world.state.lock:
        world.state.revisions[scope, family] += 1
        revision = world.state.revisions[scope, family]
        name = f"{family}:{revision}"
        made = Definition(
            scope,
            name,
            arn_of(scope, "job-definition", name),
            request,
            tags=tags,
            revision=revision,
        )
        world.state.definitions.add(made)
    return made
