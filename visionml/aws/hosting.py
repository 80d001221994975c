"""What stands behind endpoints: SageMaker's models and endpoint configurations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from visionml.aws.errors import translated
from visionml.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

Kind = Literal["endpoint", "endpoint configuration", "model"]


@dataclass(frozen=True)
class Hosted:
    """One of them, by its name."""

    kind: Kind
    name: str
    created: datetime


class Hosting:
    """Lists and deletes them."""

    def __init__(self, client: "SageMakerClient") -> None:
        self._client = client

    def starting(self, prefix: str) -> Iterator[Hosted]:
        """Yield the configurations, then the models, whose names start so."""
        configs = self._client.get_paginator("list_endpoint_configs").paginate(NameContains=prefix)
        models = self._client.get_paginator("list_models").paginate(NameContains=prefix)
        with translated(f"list the endpoint configurations and models named {prefix}*"):
            for page in configs:
                for config in page["EndpointConfigs"]:
                    if config["EndpointConfigName"].startswith(prefix):
                        yield Hosted(
                            "endpoint configuration",
                            config["EndpointConfigName"],
                            config["CreationTime"],
                        )
            for found in models:
                for model in found["Models"]:
                    if model["ModelName"].startswith(prefix):
                        yield Hosted("model", model["ModelName"], model["CreationTime"])

    def endpoint(self, name: str) -> Hosted | None:
        """Return an endpoint, or None."""
        try:
            with translated(f"describe the endpoint {name}"):
                found = self._client.describe_endpoint(EndpointName=name)
        except NotFound:
            return None
        return Hosted("endpoint", name, found["CreationTime"])

    def delete(self, hosted: Hosted) -> None:
        """Delete one; one that is gone already is no error.

        Raises
        ------
        Conflict
            It is in use.
        """
        calls: dict[Kind, Callable[[], object]] = {
            "endpoint": lambda: self._client.delete_endpoint(EndpointName=hosted.name),
            "endpoint configuration": lambda: self._client.delete_endpoint_config(
                EndpointConfigName=hosted.name
            ),
            "model": lambda: self._client.delete_model(ModelName=hosted.name),
        }
        try:
            with translated(f"delete the {hosted.kind} {hosted.name}"):
                calls[hosted.kind]()
        except NotFound:
            return
