"""Model packages in a SageMaker model package group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from visionml.aws.errors import translated
from visionml.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

Approval = Literal["Approved", "PendingManualApproval", "Rejected"]


@dataclass(frozen=True)
class PackageSpec:
    """What a new model package is made of."""

    description: str
    image: str
    artefact: str
    """``s3://`` URI of model.tar.gz."""
    report: str
    """``s3://`` URI of the evaluation report, JSON."""
    approval: Approval
    properties: Mapping[str, str]
    content_types: tuple[str, ...]
    token: str
    """The same token again is the same package; at most 36 characters."""
    card: str
    """Content of the model card, JSON on one line; it awaits a person's review."""


@dataclass(frozen=True)
class Package:
    """A model package as SageMaker holds it."""

    arn: str
    approval: str
    status: str
    image: str
    artefact: str
    properties: Mapping[str, str]
    card: str = ""
    """Content of the model card."""


class Packages:
    """Creates and reads the versions of model package groups."""

    def __init__(self, client: "SageMakerClient") -> None:
        self._client = client

    def create(self, group: str, spec: PackageSpec) -> str:
        """Add a package to a group and return its ARN."""
        with translated(f"create a model package in the group {group}"):
            created = self._client.create_model_package(
                ModelPackageGroupName=group,
                ModelPackageDescription=spec.description,
                InferenceSpecification={
                    "Containers": [{"Image": spec.image, "ModelDataUrl": spec.artefact}],
                    "SupportedContentTypes": list(spec.content_types),
                    "SupportedResponseMIMETypes": ["application/json"],
                },
                ModelMetrics={
                    "ModelQuality": {
                        "Statistics": {"ContentType": "application/json", "S3Uri": spec.report}
                    }
                },
                ModelCard={"ModelCardContent": spec.card, "ModelCardStatus": "PendingReview"},
                CustomerMetadataProperties=dict(spec.properties),
                ModelApprovalStatus=spec.approval,
                ClientToken=spec.token,
            )
        return created["ModelPackageArn"]

    def describe(self, arn: str) -> Package:
        """Return one package.

        Raises
        ------
        NotFound
            There is no such package.
        """
        with translated(f"describe the model package {arn}"):
            found = self._client.describe_model_package(ModelPackageName=arn)
        container = (found.get("InferenceSpecification", {}).get("Containers") or [{}])[0]
        return Package(
            arn=found["ModelPackageArn"],
            approval=found.get("ModelApprovalStatus", ""),
            status=found["ModelPackageStatus"],
            image=container.get("Image", ""),
            artefact=container.get("ModelDataUrl", ""),
            properties=found.get("CustomerMetadataProperties", {}),
            card=found.get("ModelCard", {}).get("ModelCardContent", ""),
        )

    def approve(self, arn: str, approval: Approval, *, comment: str = "") -> None:
        """Set a package's approval status, with a comment of at most 1,024 characters."""
        with translated(f"set the model package {arn} to {approval}"):
            self._client.update_model_package(
                ModelPackageArn=arn,
                ModelApprovalStatus=approval,
                ApprovalDescription=comment[:1024] or approval,
            )

    def arns(self, group: str) -> Iterator[str]:
        """Yield the ARNs of a group's packages, the newest first."""
        pages = self._client.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        )
        with translated(f"list the model packages of {group}"):
            for page in pages:
                for found in page["ModelPackageSummaryList"]:
                    yield found["ModelPackageArn"]

    def delete(self, arn: str) -> None:
        """Delete a package; one that is gone already is no error."""
        try:
            with translated(f"delete the model package {arn}"):
                self._client.delete_model_package(ModelPackageName=arn)
        except NotFound:
            return
