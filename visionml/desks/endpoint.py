"""The SageMaker endpoint: what it runs, what it answers, what it measured."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from visionml.aws import endpoint
from visionml.aws.endpoint import EndpointState
from visionml.aws.errors import translated
from visionml.contracts.inference import ContainerPrediction
from visionml.contracts.names import VARIANT_A
from visionml.desks.card import Card
from visionml.desks.platform import Platform

_METRICS = ("Invocations", "ModelLatency", "OverheadLatency")


class Endpoint:
    """The production endpoint of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.name = platform.names.endpoint

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}>"

    def state(self) -> EndpointState:
        """Return what SageMaker says of the endpoint.

        Raises
        ------
        NotFound
            It is not deployed.
        """
        return endpoint.describe(self._platform.aws.sagemaker, self.name)

    def describe(self) -> Card:
        """Return the endpoint's state, to be looked at."""
        state = self.state()
        rows = {"status": state.status, "configuration": state.config_name}
        for variant in state.variants:
            rows[variant.name] = f"{variant.instances} instance(s), weight {variant.weight:g}"
        rows["version in production"] = self._platform.versions.active() or "none yet"
        return Card(state.name, rows)

    def invoke(self, image: bytes, *, content_type: str = "image/png") -> ContainerPrediction:
        """Send an image past the API, straight to the endpoint."""
        with translated(f"invoke the endpoint {self.name}"):
            answer = self._platform.aws.sagemaker_runtime.invoke_endpoint(
                EndpointName=self.name, Body=image, ContentType=content_type
            )
        return ContainerPrediction.model_validate_json(answer["Body"].read())

    def metrics(self, *, minutes: int = 60, variant: str = VARIANT_A) -> pd.DataFrame:
        """Return the last minutes' CloudWatch figures of a variant; latencies in milliseconds."""
        now = datetime.now(UTC)
        dimensions = [
            {"Name": "EndpointName", "Value": self.name},
            {"Name": "VariantName", "Value": variant},
        ]
        queries = [
            {
                "Id": name.lower(),
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SageMaker",
                        "MetricName": name,
                        "Dimensions": dimensions,
                    },
                    "Period": 60,
                    "Stat": "Sum" if name == "Invocations" else "Average",
                },
            }
            for name in _METRICS
        ]
        with translated(f"read the metrics of {self.name}"):
            found = self._platform.aws.cloudwatch.get_metric_data(
                MetricDataQueries=queries,  # type: ignore[arg-type]
                StartTime=now - timedelta(minutes=minutes),
                EndTime=now + timedelta(minutes=1),
            )
        series = {
            result["Id"]: pd.Series(dict(zip(result["Timestamps"], result["Values"], strict=True)))
            for result in found["MetricDataResults"]
        }
        frame = pd.DataFrame(
            {
                "invocations": series["invocations"],
                "model latency ms": series["modellatency"] / 1000,  # reported in microseconds
                "overhead latency ms": series["overheadlatency"] / 1000,
            }
        )
        frame.index.name = "minute"
        return frame.sort_index()
