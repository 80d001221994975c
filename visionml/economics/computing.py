"""Charges for what computes: functions, machines, endpoints, jobs."""

from collections.abc import Iterator

from visionml.economics.charge import Charge, Charges, World
from visionml.economics.template import HOURS, Resource, text
from visionml.economics.workload import Calls, Driver

_TRACED = 0.05
"""The share of requests that X-Ray samples unless told otherwise."""
_OTHER_SECONDS = 1.0


def calls(resource: Resource, world: World) -> Calls:
    """Return a function's calls: known ones, else its schedule's, else what is assumed."""
    known = world.work.calls.get(world.base(resource.properties.get("FunctionName", "")))
    if known:
        return known
    scheduled = world.templates.schedules.get(resource.logical_id)
    if scheduled:
        return Calls(scheduled, min(30.0, resource.properties.get("Timeout", 3)), "standing")
    return Calls(world.assumed["other_calls"] * 365 / 12, _OTHER_SECONDS, "standing")


def _function(resource: Resource, world: World) -> Iterator[Charge]:
    found, properties = calls(resource, world), resource.properties
    arm = "arm64" in properties.get("Architectures", ())
    seconds = found.count * found.seconds * properties.get("MemorySize", 128) / 1024
    yield Charge("requests", "lambda-request", found.count, found.driver)
    yield Charge("duration", f"lambda-{'arm' if arm else 'x86'}-gb-second", seconds, found.driver)
    if properties.get("TracingConfig", {}).get("Mode") == "Active":
        yield Charge("traces", "xray-trace", found.count * _TRACED, found.driver)
    redaction = world.work.settings.redaction
    name = world.base(properties.get("FunctionName", ""))
    if name == "image-processor":
        yield Charge("DetectLabels", "rekognition-image", world.work.images, "images")
    if name == "receiver" and redaction.enabled and redaction.engine == "rekognition":
        for kind in redaction.hide:
            yield Charge(f"finding a {kind}", "rekognition-image", world.work.images, "images")


def _machine(resource: Resource, world: World) -> Iterator[Charge]:
    definition = text(resource.properties.get("DefinitionString", ""))
    if resource.properties.get("StateMachineType") == "EXPRESS":
        images = world.work.images
        yield Charge("executions", "states-express", images, "images")
        yield Charge("duration", "states-express-gb-second", images * 2 * 64 / 1024, "images")
        return
    executions, driver = _executions(resource, world, definition)
    states = definition.count('"Type"') or 1
    yield Charge("transitions", "states-transition", executions * states, driver)
    if "createTrainingJob" in definition:
        yield from _training(world)


def _executions(resource: Resource, world: World, definition: str) -> tuple[float, Driver]:
    if "updateEndpoint" in definition:
        return 5 * world.assumed["deployments"], "training"  # it looks again and again
    if "createTrainingJob" in definition:
        return world.work.runs, "training"
    scheduled = world.templates.schedules.get(resource.logical_id)
    return (scheduled or world.assumed["other_calls"]), "standing"


def _training(world: World) -> Iterator[Charge]:
    training = world.work.settings.training
    hours = world.work.runs * world.assumed["training_hours"] * training.instance_count
    discount = world.assumed["spot_discount"] if training.spot else 0.0
    yield Charge("jobs", training.instance_type, hours, "training", factor=1 - discount)
    yield Charge("volumes", "ebs-gp3", hours * training.volume_gb / HOURS, "training")


def _endpoint(_resource: Resource, world: World) -> Iterator[Charge]:
    serving, work = world.work.settings.serving, world.work
    instance = serving.instance_type
    yield Charge("instances", instance, work.instance_hours(), "predictions")
    second = world.assumed["deployments"] * world.assumed["deployment_hours"]
    fleets = serving.initial_instances + 1
    yield Charge("deployments", instance, second * fleets, "training")
    gigabytes = (work.invocations * world.assumed["request_kilobytes"]) / 1e6
    yield Charge("data", "hosting-data", gigabytes, "predictions")


def _batch(resource: Resource, world: World) -> Iterator[Charge]:
    """Charge one environment for all jobs: the others are for what that one lacks."""
    batch = world.work.settings.batch
    first = next(world.templates.resources(resource.kind))
    if first.logical_id != resource.logical_id or batch.method != "endpoint":
        return
    cores = world.work.batch_images / world.assumed["batch_images_per_vcpu"] / 3600
    family = "c" if batch.instance_types[0].startswith("c") else "m"
    factor = 1 - world.assumed["spot_discount"] if batch.spot else 1.0
    yield Charge("jobs", f"ec2-{family}-vcpu", cores, "images", factor=factor)
    yield Charge("volumes", "ebs-gp3", cores / 2 * 30 / HOURS, "images")
    yield Charge("addresses", "ipv4-hour", cores / 2, "images")


def _transform(_resource: Resource, world: World) -> Iterator[Charge]:
    batch = world.work.settings.batch
    if batch.method == "endpoint":
        return
    hours = world.work.batch_images / world.assumed["batch_images_per_vcpu"] / 4 / 3600
    yield Charge("batch transform", batch.transform_instance_type, hours, "images")


def _crawler(_resource: Resource, world: World) -> Iterator[Charge]:
    yield Charge("crawls of 10 minutes", "glue-dpu", world.assumed["crawls"] * 2 / 6)


def _workgroup(_resource: Resource, world: World) -> Iterator[Charge]:
    yield Charge("queries", "athena-tb", world.assumed["query_terabytes"])


COMPUTING: dict[str, Charges] = {
    "AWS::Lambda::Function": _function,
    "AWS::StepFunctions::StateMachine": _machine,
    "AWS::SageMaker::Endpoint": _endpoint,
    "AWS::Batch::ComputeEnvironment": _batch,
    "AWS::Batch::JobQueue": _transform,
    "AWS::Glue::Crawler": _crawler,
    "AWS::Athena::WorkGroup": _workgroup,
}
