"""What a SageMaker endpoint is doing, and which configuration serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from visionml.aws.errors import translated
from visionml.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

IN_SERVICE = "InService"


@dataclass(frozen=True)
class Variant:
    """One production variant as it runs now."""

    name: str
    instances: int
    weight: float


@dataclass(frozen=True)
class EndpointState:
    """An endpoint as SageMaker describes it.

    `status` alone does not tell how an update ended: after a rollback it is ``InService``
    too. Compare `config_name` with the one that was asked for.
    """

    name: str
    status: str
    config_name: str
    variants: tuple[Variant, ...]
    failure: str
    modified: datetime | None = None
    """When it was last updated, rolled back or scaled."""

    @property
    def in_service(self) -> bool:
        """Whether it serves and no update is under way."""
        return self.status == IN_SERVICE


def describe(sagemaker: "SageMakerClient", name: str) -> EndpointState:
    """Return the state of an endpoint.

    Raises
    ------
    NotFound
        There is no such endpoint.
    """
    with translated(
        f"describe the endpoint {name}", hint="Deploy the serving stack: `visionml deploy`."
    ):
        found = sagemaker.describe_endpoint(EndpointName=name)
    return EndpointState(
        name=name,
        status=found["EndpointStatus"],
        config_name=found.get("EndpointConfigName", ""),
        variants=tuple(
            Variant(
                variant["VariantName"],
                variant.get("CurrentInstanceCount", 0),
                variant.get("CurrentWeight", 0.0),
            )
            for variant in found.get("ProductionVariants", [])
        ),
        failure=found.get("FailureReason", ""),
        modified=found.get("LastModifiedTime"),
    )


def find(sagemaker: "SageMakerClient", name: str) -> EndpointState | None:
    """Return the state of an endpoint, or None."""
    try:
        return describe(sagemaker, name)
    except NotFound:
        return None


def model_names(sagemaker: "SageMakerClient", config_name: str) -> dict[str, str]:
    """Return the SageMaker model behind each variant of an endpoint configuration."""
    with translated(f"describe the endpoint configuration {config_name}"):
        found = sagemaker.describe_endpoint_config(EndpointConfigName=config_name)
    return {v["VariantName"]: v.get("ModelName", "") for v in found["ProductionVariants"]}


def weights(sagemaker: "SageMakerClient", name: str) -> dict[str, float]:
    """Return how an endpoint's traffic is, or is about to be, shared among its variants."""
    with translated(f"read the traffic of the endpoint {name}"):
        found = sagemaker.describe_endpoint(EndpointName=name)
    return {
        variant["VariantName"]: variant.get("DesiredWeight", variant.get("CurrentWeight", 0.0))
        for variant in found.get("ProductionVariants", [])
    }


def configured(sagemaker: "SageMakerClient", config_name: str) -> datetime:
    """Return when an endpoint configuration was made."""
    with translated(f"describe the endpoint configuration {config_name}"):
        found = sagemaker.describe_endpoint_config(EndpointConfigName=config_name)
    return found["CreationTime"].astimezone(UTC)


def set_weights(sagemaker: "SageMakerClient", name: str, weights: Mapping[str, float]) -> None:
    """Share an endpoint's traffic anew among its variants; the instances stay.

    Raises
    ------
    Conflict
        The endpoint is being updated.
    """
    with translated(f"set the traffic of the endpoint {name}"):
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name,
            DesiredWeightsAndCapacities=[
                {"VariantName": variant, "DesiredWeight": weight}
                for variant, weight in weights.items()
            ],
        )


def artefacts(sagemaker: "SageMakerClient", config_name: str) -> dict[str, str]:
    """Return the model data behind each variant of a configuration, shadow variants too.

    A model without data of its own, such as the one an endpoint starts with, counts as "", and so
    does one that was deleted. A configuration that was deleted has no variants.
    """
    try:
        with translated(f"look up what the endpoint configuration {config_name} serves"):
            found = sagemaker.describe_endpoint_config(EndpointConfigName=config_name)
    except NotFound:
        return {}
    variants = (*found["ProductionVariants"], *found.get("ShadowProductionVariants", ()))
    return {
        each["VariantName"]: _artefact(sagemaker, each.get("ModelName", "")) for each in variants
    }


def _artefact(sagemaker: "SageMakerClient", model_name: str) -> str:
    try:
        with translated(f"describe the model {model_name}"):
            found = sagemaker.describe_model(ModelName=model_name)
    except NotFound:
        return ""
    return found.get("PrimaryContainer", {}).get("ModelDataUrl", "")
