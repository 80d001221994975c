"""A version is deployed only when everything it needs is there and allowed."""

from dataclasses import replace

import pytest

from tests.fakes.objects import MemoryObjects
from tests.fakes.packages import MemoryPackages
from tests.unit.registry.test_versions import NEW, record
from visionml.aws.endpoint import EndpointState, Variant
from visionml.aws.packages import PackageSpec
from visionml.contracts.deployment import DeploymentPlan, DeploymentRequest
from visionml.contracts.registry import VersionRecord
from visionml.errors import Conflict, NotFound
from visionml.promotion.plan import Target, plan

REQUEST = DeploymentRequest(model_version=NEW, deployment_id="dep-20261120-103000-c3d4")
TARGET = Target(
    prefix="ml-pipeline", environment="prod", instance_type="ml.m5.large", minimum_instances=2
)
SERVING = EndpointState(
    name="endpoint",
    status="InService",
    config_name="seed",
    variants=(Variant("ModelA", 1, 1.0),),
    failure="",
)


class Registered:
    """A version that may be deployed."""

    def __init__(self) -> None:
        self.packages = MemoryPackages()
        arn = self.packages.create(
            "group",
            PackageSpec(
                description="",
                image="image:1",
                artefact="s3://models/model.tar.gz",
                report="s3://models/report.json",
                approval="Approved",
                properties={},
                content_types=("image/png",),
                token=NEW,
                card="{}",
            ),
        )
        self.version: VersionRecord = record(NEW).model_copy(update={"model_package_arn": arn})
        self.objects = MemoryObjects({self.version.artefact: b"model"})

    def plan(self, endpoint: EndpointState = SERVING) -> DeploymentPlan:
        return plan(
            REQUEST,
            self.version,
            endpoint=endpoint,
            packages=self.packages,
            objects=self.objects,
            target=TARGET,
        )


@pytest.fixture
def registered() -> Registered:
    return Registered()


def test_a_plan_names_everything_that_is_to_be_created(registered: Registered) -> None:
    made = registered.plan()
    assert (
        made.model_name
        == made.endpoint_config_name
        == ("ml-pipeline-prod-dep-20261120-103000-c3d4")
    )
    assert (made.image, made.artefact) == ("image:1", "s3://models/model.tar.gz")
    assert (made.endpoint_name, made.previous_config_name) == ("endpoint", "seed")


@pytest.mark.parametrize(("running", "planned"), [(1, 2), (2, 2), (7, 7)])
def test_a_plan_keeps_the_instances_that_run_now(
    registered: Registered, running: int, planned: int
) -> None:
    scaled = replace(SERVING, variants=(Variant("ModelA", running, 1.0),))
    assert registered.plan(scaled).instance_count == planned


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected", ""])
def test_a_package_that_is_not_approved_is_refused(registered: Registered, approval: str) -> None:
    registered.packages.set_approval(registered.version.model_package_arn, approval)
    with pytest.raises(Conflict, match="not Approved"):
        registered.plan()


def test_a_package_that_is_gone_is_refused(registered: Registered) -> None:
    registered.packages.packages.clear()
    with pytest.raises(NotFound, match="model package"):
        registered.plan()


def test_an_artefact_that_is_gone_is_refused(registered: Registered) -> None:
    registered.objects.objects.clear()
    with pytest.raises(NotFound, match=r"there is no s3://models/model\.tar\.gz"):
        registered.plan()


@pytest.mark.parametrize(
    ("status", "complaint"),
    [("Updating", "is busy"), ("Creating", "is busy"), ("Failed", "has failed: no disk")],
)
def test_an_endpoint_that_is_not_in_service_is_refused(
    registered: Registered, status: str, complaint: str
) -> None:
    with pytest.raises(Conflict, match=complaint):
        registered.plan(replace(SERVING, status=status, failure="no disk"))
