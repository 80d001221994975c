"""Deploys a cloud assembly to the embedded AWS, through CloudFormation's change sets.

The same calls in the same order as the CDK's command line makes; only images are built without
Docker. That command line itself works too, except for images.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionml.aws.errors import translated
from visionml.aws.session import Aws
from visionml.errors import JobFailed, NotFound
from visionml.local import assembly, assets, recorded, state
from visionml.local.assembly import Assembly, Stack
from visionml.local.state import Project

_STACK = "AWS::CloudFormation::Stack"
_POLL_SECONDS = 0.1
_LONGEST_SECONDS = 1800.0
_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


@dataclass(frozen=True)
class Event:
    """One step of progress."""

    stack: str
    logical_id: str
    resource_type: str
    status: str
    reason: str
    done: int
    """How many of the stack's changes have ended."""
    total: int
    """How many changes the stack makes."""


OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Outcome:
    """What a deployment or a removal did."""

    outputs: Mapping[str, Mapping[str, str]]
    """Each stack's outputs, by name."""
    changed: tuple[str, ...]
    """The stacks that were created, updated or deleted; the others were as wanted."""
    published: int
    """How many assets were new."""
    recorded: Mapping[str, str]
    """Resource types that are only recorded here, and what that leaves undone."""
    seconds: float


def deploy(folder: Path, *, project: Project | None = None, on_event: OnEvent) -> Outcome:
    """Publish the assets of a synthesised app and create or update its stacks.

    Raises
    ------
    NotFound
        The embedded AWS does not run, or the folder holds no assembly.
    JobFailed
        A stack failed and was rolled back; the message names the resource and its reason.
    """
    began = time.monotonic()
    project = project or Project.find()
    aws = state.read(project).connect()
    app = assembly.read(folder)
    published = _publish(aws, project, app, on_event)
    changed = [stack.name for stack in app.stacks if _deploy_stack(aws, stack, on_event)]
    types = {each["Type"] for stack in app.stacks for each in stack.resources().values()}
    return Outcome(
        {stack.name: _outputs(aws, stack.name) for stack in app.stacks},
        tuple(changed),
        published,
        recorded.held(types),
        time.monotonic() - began,
    )


def destroy(folder: Path, *, project: Project | None = None, on_event: OnEvent) -> Outcome:
    """Delete the stacks of a synthesised app, the last first; buckets they delete are emptied.

    Raises
    ------
    NotFound
        The embedded AWS does not run, or the folder holds no assembly.
    JobFailed
        A resource could not be deleted; the message names it and the reason.
    """
    began = time.monotonic()
    aws = state.read(project or Project.find()).connect()
    stacks = reversed(assembly.read(folder).stacks)
    removed = [stack.name for stack in stacks if _delete_stack(aws, stack.name, on_event)]
    return Outcome({}, tuple(removed), 0, {}, time.monotonic() - began)


def _publish(aws: Aws, project: Project, app: Assembly, on_event: OnEvent) -> int:
    total = len(app.files) + len(app.images)
    new = 0
    for done, file in enumerate(app.files, start=1):
        new += assets.publish_file(aws, file)
        on_event(_asset_event(file.source.name, done, total))
    for done, image in enumerate(app.images, start=len(app.files) + 1):
        new += assets.publish_image(aws, project.images, image)
        on_event(_asset_event(image.tag, done, total))
    return new


def _asset_event(name: str, done: int, total: int) -> Event:
    return Event("assets", name, "asset", "PUBLISHED", "", done, total)


def _deploy_stack(aws: Aws, stack: Stack, on_event: OnEvent) -> bool:
    """Create or update a stack; False when there is nothing to change."""
    found = _describe(aws, stack.name)
    if found and found["StackStatus"].endswith("_IN_PROGRESS") and _resources(aws, stack.name):
        found = _settled(aws, stack.name)
    if found and found["StackStatus"] in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        _delete_stack(aws, stack.name, on_event)
        found = None
    create = found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS"
    name = f"visionml-{time.time_ns()}"
    changes = _change_set(aws, stack, name=name, kind="CREATE" if create else "UPDATE")
    if changes == 0:
        return False
    with translated(f"deploy the stack {stack.name}"):
        started = aws.cloudformation.describe_change_set(StackName=stack.name, ChangeSetName=name)[
            "StackId"
        ]
        seen = {event["EventId"] for event in _events(aws, started)}
        aws.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName=name)
    status = _follow(aws, started, seen, changes, on_event)
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise JobFailed(
            f"The stack {stack.name} ended as {status}: {_first_failure(aws, started, seen)}",
            hint="Mend the cause and deploy again; the stack is back where it was.",
        )
    return True


def _change_set(aws: Aws, stack: Stack, *, name: str, kind: Any) -> int:
    """Create a change set and return how many changes it holds."""
    with translated(f"prepare the stack {stack.name}"):
        aws.cloudformation.create_change_set(
            StackName=stack.name,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateURL=f"https://s3.{aws.region}.amazonaws.com/"
            f"{stack.template_bucket}/{stack.template_key}",
            Capabilities=list(_CAPABILITIES),  # type: ignore[arg-type]
            Tags=[{"Key": key, "Value": value} for key, value in sorted(stack.tags.items())],
        )
        for _ in _until():
            made = aws.cloudformation.describe_change_set(StackName=stack.name, ChangeSetName=name)
            if made["Status"] == "CREATE_COMPLETE":
                return len(made.get("Changes", [])) or 1  # changed outputs or tags are no change
            if made["Status"] == "FAILED":
                break
        aws.cloudformation.delete_change_set(StackName=stack.name, ChangeSetName=name)
    reason = made.get("StatusReason", "")
    if "didn't contain changes" in reason or "No updates are to be performed" in reason:
        return 0
    raise JobFailed(
        f"CloudFormation refuses the template of {stack.name}: {reason}",
        hint="Mend the stack in visionml/cdk and synthesise again.",
    )


def _delete_stack(aws: Aws, name: str, on_event: OnEvent) -> bool:
    """Empty a stack's buckets and delete it; False when there is none."""
    if _describe(aws, name) is None:
        return False
    for resource in _resources(aws, name):
        if resource["ResourceType"] == "AWS::S3::Bucket":
            _empty(aws, name, resource)
    return _deleted(aws, name, on_event)


def _deleted(aws: Aws, name: str, on_event: OnEvent) -> bool:
    stack_id = _describe(aws, name)["StackId"]
    total = len(_resources(aws, name))
    with translated(f"delete the stack {name}"):
        seen = {event["EventId"] for event in _events(aws, stack_id)}
        aws.cloudformation.delete_stack(StackName=name)
    status = _follow(aws, stack_id, seen, total, on_event)
    if status != "DELETE_COMPLETE":
        raise JobFailed(
            f"The stack {name} ended as {status}: {_first_failure(aws, stack_id, seen)}",
            hint="Remove what holds the resource and destroy again.",
        )
    return True


def _empty(aws: Aws, stack_name: str, resource: Mapping[str, Any]) -> None:
    """Empty a bucket that the stack deletes; one it retains is left alone."""
    with translated(f"empty the bucket {resource['PhysicalResourceId']}"):
        template: Any = aws.cloudformation.get_template(StackName=stack_name)["TemplateBody"]
        declared = template["Resources"][resource["LogicalResourceId"]]
        if declared.get("DeletionPolicy", "Delete") != "Delete":
            return
        bucket = resource["PhysicalResourceId"]
        for page in aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            held = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            names: list[Any] = [{"Key": o["Key"], "VersionId": o["VersionId"]} for o in held]
            if names:
                aws.s3.delete_objects(Bucket=bucket, Delete={"Objects": names, "Quiet": True})


def _follow(aws: Aws, stack_id: str, seen: set[str], total: int, on_event: OnEvent) -> str:
    """Report a stack's events until its operation ends; return the stack's last status."""
    done: set[str] = set()
    reported = set(seen)
    for _ in _until():
        with translated("read the stack's events"):
            stack = aws.cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
            events = [e for e in _events(aws, stack_id) if e["EventId"] not in reported]
        for event in events:
            reported.add(event["EventId"])
            if event.get("ResourceType") == _STACK:
                continue
            if event["ResourceStatus"].endswith(("_COMPLETE", "_SKIPPED")):
                done.add(event["LogicalResourceId"])
            on_event(_event(event, done=min(len(done), total), total=total))
        status: str = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
    return "IN_PROGRESS"


def _event(event: Mapping[str, Any], *, done: int, total: int) -> Event:
    return Event(
        event["StackName"],
        event["LogicalResourceId"],
        event["ResourceType"],
        event["ResourceStatus"],
        event.get("ResourceStatusReason", ""),
        done,
        total,
    )


def _first_failure(aws: Aws, stack_id: str, seen: set[str]) -> str:
    with translated("read the stack's events"):
        failures = [
            event
            for event in _events(aws, stack_id)
            if event["EventId"] not in seen and event["ResourceStatus"].endswith("_FAILED")
        ]
    own = [event for event in failures if event.get("ResourceType") != _STACK]
    own += [] if own else _refused(aws, stack_id)
    if not own:
        own = failures
    if not own:
        return "no resource says why."
    first = own[0]
    reason = first.get("ResourceStatusReason") or first.get("ValidationStatusReason") or "no reason"
    return f"{first['LogicalResourceId']} ({first['ResourceType']}): {reason.rstrip('.')}."


def _refused(aws: Aws, stack_id: str) -> list[Any]:
    """Return what CloudFormation found wrong in the last operation before it began."""
    with translated("read the stack's validation"):
        pages = aws.cloudformation.get_paginator("describe_events").paginate(
            StackName=stack_id, Filters={"FailedEvents": True}
        )
        events = [event for page in pages for event in page["OperationEvents"]]
    found = [event for event in events if event.get("EventType") == "VALIDATION_ERROR"]
    latest = max(found, key=lambda event: event["Timestamp"], default=None)
    return [each for each in found if latest and each["OperationId"] == latest["OperationId"]]


def _events(aws: Aws, stack_id: str) -> list[Any]:
    """Return a stack's events, the first first."""
    pages = aws.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [event for page in pages for event in page["StackEvents"]][::-1]


def _resources(aws: Aws, name: str) -> list[Any]:
    with translated(f"list the resources of the stack {name}"):
        pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        return [each for page in pages for each in page["StackResourceSummaries"]]


def _describe(aws: Aws, name: str) -> Any:
    """Return a stack, or None."""
    try:
        with translated(f"find the stack {name}"):
            return aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except NotFound:
        return None


def _settled(aws: Aws, name: str) -> Any:
    for _ in _until():
        found = _describe(aws, name)
        if found is None or not found["StackStatus"].endswith("_IN_PROGRESS"):
            return found
    raise JobFailed(f"Another operation on the stack {name} does not end.")


def _outputs(aws: Aws, name: str) -> dict[str, str]:
    stack = _describe(aws, name) or {}
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def _until() -> Iterator[None]:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(_POLL_SECONDS)
