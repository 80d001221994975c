"""The operations on jobs."""

import uuid
from collections.abc import Callable, Iterator
from itertools import islice

from visionml.local.batch.core import NAME, Definition, Job, Queue, milliseconds
from visionml.local.batch.faults import client, invalid, not_offered
from visionml.local.batch.paging import page
from visionml.local.batch.retries import fits
from visionml.local.batch.specifications import fits_platform, resolve
from visionml.local.batch.world import World
from visionml.local.sagemaker.core import Caller, Document

_ARRAY = range(2, 10001)
_MOST_DEPENDENCIES = 20
_MOST_DESCRIBED = 100
_MOST_AT_ONCE = 50
_REFUSED = {
    "shareIdentifier": "fair-share scheduling (shareIdentifier)",
    "schedulingPriorityOverride": "fair-share scheduling (schedulingPriorityOverride)",
    "nodeOverrides": "multi-node parallel jobs (nodeOverrides)",
    "eksPropertiesOverride": "jobs on Amazon EKS (eksPropertiesOverride)",
    "ecsPropertiesOverride": "jobs of several containers (ecsPropertiesOverride)",
    "consumableResourcePropertiesOverride": "consumable resources",
}


def submit(world: World, caller: Caller, request: Document) -> Document:
    """SubmitJob."""
    if not NAME.fullmatch(request["jobName"]):
        raise invalid("Job name should match valid pattern")
    for member, words in _REFUSED.items():
        if request.get(member):
            raise not_offered(words)
    queue = world.state.queue(caller.scope, request["jobQueue"])
    definition = world.state.definition(caller.scope, request["jobDefinition"])
    _check_queue(world, queue, definition)
    size = request.get("arrayProperties", {}).get("size")
    if size is not None and size not in _ARRAY:
        raise invalid(f"Array size must be between {_ARRAY[0]} and {_ARRAY[-1]}")
    _check_dependencies(world, caller, request.get("dependsOn", []), size)
    job = _made(caller, request, queue, definition)
    if size is not None:
        job.children = [_child(job, index) for index in range(size)]
    world.dispatcher.submit(job)
    return {"jobArn": job.arn, "jobName": job.name, "jobId": job.id}


def describe(world: World, caller: Caller, request: Document) -> Document:
    """DescribeJobs; ids that nobody has are left out."""
    if len(request["jobs"]) > _MOST_DESCRIBED:
        raise invalid(f"At most {_MOST_DESCRIBED} jobs can be described")
    with world.state.lock:
        found = [world.state.job(caller.scope, each) for each in request["jobs"]]
        return {"jobs": [job.described() for job in found if job is not None]}


def listed(world: World, caller: Caller, request: Document) -> Document:
    """ListJobs: of a queue, or the children of an array; the running ones by default."""
    sources = [name for name in ("jobQueue", "arrayJobId", "multiNodeJobId") if request.get(name)]
    if len(sources) != 1:
        raise invalid("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be provided")
    if sources == ["multiNodeJobId"]:
        raise not_offered("multi-node parallel jobs (multiNodeJobId)")
    filters = request.get("filters") or []
    with world.state.lock:
        if sources == ["jobQueue"]:
            queue = world.state.queue(caller.scope, request["jobQueue"])
            jobs: list[Job] = sorted(world.state.of_queue(queue), key=lambda job: -job.created)
            found = list(_filtered(jobs, filters)) if filters else jobs
        else:
            parent = world.state.job(caller.scope, request["arrayJobId"])
            found = parent.children if parent else []
        status = request.get("jobStatus", None if filters else "RUNNING")
        if status and not filters:
            found = [job for job in found if job.status == status]
        return page("jobSummaryList", found, request, lambda job: job.summary())


def cancel(world: World, caller: Caller, request: Document) -> Document:
    """CancelJob; one that is unknown or has ended is left as it is."""
    job = world.state.job(caller.scope, request["jobId"])
    if job is not None and not job.ended.is_set():
        world.dispatcher.cancel(job, request["reason"])
    return {}


def terminate(world: World, caller: Caller, request: Document) -> Document:
    """TerminateJob; one that is unknown or has ended is left as it is."""
    job = world.state.job(caller.scope, request["jobId"])
    if job is not None and not job.ended.is_set():
        world.dispatcher.terminate(job, request["reason"])
    return {}


def cancel_many(world: World, caller: Caller, request: Document) -> Document:
    """CancelJobs."""
    return _many(world, caller, request, cancel)


def terminate_many(world: World, caller: Caller, request: Document) -> Document:
    """TerminateJobs."""
    return _many(world, caller, request, terminate)


def _many(
    world: World,
    caller: Caller,
    request: Document,
    one: Callable[[World, Caller, Document], Document],
) -> Document:
    if len(request["jobs"]) > _MOST_AT_ONCE:
        raise invalid(f"At most {_MOST_AT_ONCE} jobs can be given")
    for each in request["jobs"]:
        one(world, caller, {"jobId": each, "reason": request["reason"]})
    return {"successful": list(request["jobs"]), "errors": []}


def front(world: World, caller: Caller, request: Document) -> Document:
    """GetJobQueueSnapshot: the first runnable jobs of a queue."""
    with world.state.lock:
        queue = world.state.queue(caller.scope, request["jobQueue"])
        jobs = [
            {"jobArn": job.arn, "earliestTimeAtPosition": job.created}
            for job in islice(queue.line, _MOST_DESCRIBED)
        ]
    return {"frontOfQueue": {"jobs": jobs, "lastUpdatedAt": milliseconds()}}


def _made(caller: Caller, request: Document, queue: Queue, definition: Definition) -> Job:
    return Job(
        caller.scope,
        str(uuid.uuid4()),
        request["jobName"],
        queue,
        definition,
        resolve(definition.request, request),
        list(request.get("dependsOn", [])),
        bool(request.get("propagateTags", definition.request.get("propagateTags"))),
        dict(request.get("tags", {})),
    )


def _child(parent: Job, index: int) -> Job:
    return Job(
        parent.scope,
        f"{parent.id}:{index}",
        parent.name,
        parent.queue,
        parent.definition,
        parent.specification,
        parent.depends_on,
        parent.propagate_tags,
        parent.tags,
        parent,
        created=parent.created,
    )


def _check_queue(world: World, queue: Queue, definition: Definition) -> None:
    if not queue.enabled:
        raise client(f"JobQueue {queue.name} is not in ENABLED state")
    kinds = [world.state.environment(queue.scope, each).kind for each in queue.environments]
    if not all(fits_platform(definition.request, kind) for kind in kinds):
        raise client(
            f"Job definition {definition.name} has platform capabilities that the compute "
            f"environments of job queue {queue.name} do not have"
        )


def _check_dependencies(
    world: World, caller: Caller, dependencies: list[Document], size: int | None
) -> None:
    if len(dependencies) > _MOST_DEPENDENCIES:
        raise invalid(f"A job can depend on at most {_MOST_DEPENDENCIES} jobs")
    for each in dependencies:
        kind, other = each.get("type"), each.get("jobId")
        if kind is not None and size is None:
            raise invalid(f"Dependencies of type {kind} are for array jobs only")
        if kind == "SEQUENTIAL":
            if other:
                raise invalid("A SEQUENTIAL dependency has no jobId")
            continue
        found = world.state.job(caller.scope, other) if other else None
        if found is None:
            raise client(f"Job {other} that is depended on does not exist")
        if kind == "N_TO_N" and len(found.children) != size:
            raise client("A N_TO_N dependency must be an array job of the same size")


def _filtered(jobs: list[Job], filters: list[Document]) -> Iterator[Job]:
    tests: dict[str, Callable[[Job, str], bool]] = {
        "JOB_NAME": lambda job, value: fits(value.lower(), job.name.lower()),
        "JOB_DEFINITION": lambda job, value: any(
            fits(value, name)
            for name in (job.definition.arn, job.definition.name, job.definition.family)
        ),
        "BEFORE_CREATED_AT": lambda job, value: job.created < int(value),
        "AFTER_CREATED_AT": lambda job, value: job.created > int(value),
    }
    for each in filters:
        if each.get("name") not in tests:
            raise invalid(f"Filter {each.get('name')} is not one of {', '.join(tests)}")
    for job in jobs:
        if all(any(tests[f["name"]](job, v) for v in f.get("values", [])) for f in filters):
            yield job
