"""What the machines made goes with the stacks, and nothing of another environment does."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.functional.platform import Deployed, Trained
from visionml import workbench
from visionml.contracts.registry import VersionRecord
from visionml.contracts.training import new_run_id
from visionml.desks.leftovers import Leftovers
from visionml.local.state import Project
from visionml.workbench import Session


@pytest.fixture
def spare(platform: Deployed, local_project: Project) -> Session:
    """A second environment in the account, of which only what a machine would make is there."""
    with contextlib.chdir(local_project.folder.parent):
        return workbench.open("local", overrides={"environment": "spare"}, say=lambda _line: None)


def register(session: Session, image: str) -> VersionRecord:
    """Make what a run and its deployment make: group, package, record, model, configuration."""
    client: Any = session.aws.sagemaker
    group = session.names.model_package_group
    client.create_model_package_group(ModelPackageGroupName=group)
    package = client.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": image}],
            "SupportedContentTypes": ["image/png"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    return VersionRecord(
        version=new_run_id(),
        model_package_arn=package,
        artefact="s3://nowhere/model.tar.gz",
        image=image,
        metrics={"accuracy": 0.99},
        dataset="digits",
        dataset_version="v",
        created=datetime.now(UTC),
    )


def test_registered_versions_go_and_another_environments_stay(
    platform: Deployed, trained: Trained, spare: Session
) -> None:
    image = platform.session.models.open(trained.run.run_id).image
    record = register(spare, image)
    spare.models._platform.versions.write(record)
    before = set(platform.session.models.registered().index)
    Leftovers(spare.models._platform).release()
    assert set(platform.session.models.registered().index) == before - {record.version}
    client: Any = spare.aws.sagemaker
    client.delete_model_package_group(
        ModelPackageGroupName=spare.names.model_package_group
    )  # an empty group goes


def test_deployed_models_go_with_their_configurations(
    platform: Deployed, trained: Trained, spare: Session
) -> None:
    record = platform.session.models.open(trained.run.run_id)
    client: Any = spare.aws.sagemaker
    known = client.list_models(NameContains="seed")["Models"][0]["ModelName"]
    role = client.describe_model(ModelName=known)["ExecutionRoleArn"]
    name = spare.names.deployed("dep-20260101-000000-abcd")
    client.create_model(
        ModelName=name,
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": record.image, "ModelDataUrl": record.artefact},
    )
    variant = {
        "VariantName": "ModelA",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    leftovers = Leftovers(spare.models._platform)
    assert spare.stacks.remaining().to_dict("list") == {
        "kind": ["endpoint configuration", "model"],
        "name": [name, name],
    }
    leftovers.remove()
    assert len(spare.stacks.remaining()) == 0
    leftovers.remove()  # nothing left is no error
