"""The SageMaker endpoint: what it runs, what it answers, what it measured."""

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pandas as pd

from visionml.aws import endpoint
from visionml.aws.endpoint import EndpointState
from visionml.aws.errors import translated
from visionml.aws.variant_scaling import Scaling
from visionml.contracts.inference import ContainerPrediction
from visionml.contracts.names import VARIANT_A
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.errors import Conflict, InvalidInput, Unavailable

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

    def traffic(self) -> pd.DataFrame:
        """Return each variant's weight, its share of the traffic, and its instances."""
        variants = self.state().variants
        total = sum(variant.weight for variant in variants)
        rows = [
            {
                "variant": variant.name,
                "weight": variant.weight,
                "share": variant.weight / total if total else 0.0,
                "instances": variant.instances,
            }
            for variant in variants
        ]
        columns = pd.Index(["variant", "weight", "share", "instances"])
        return pd.DataFrame(rows, columns=columns).set_index("variant")

    def set_traffic(self, **weights: float) -> pd.DataFrame:
        """Share the traffic anew, as in ``set_traffic(ModelA=50, ModelB=50)``; return the shares.

        Weights count against each other. A variant that is not named keeps its weight; the
        instances stay, and no request is lost.

        Raises
        ------
        InvalidInput
            A weight is none, no variant has that name, or nobody would get any traffic.
        Conflict
            The endpoint is being updated.
        Unavailable
            The change has not ended in time; it goes on.
        """
        state = self.state()
        check_weights(weights, {variant.name: variant.weight for variant in state.variants})
        if not state.in_service:
            raise Conflict(
                f"The endpoint {self.name} is {state.status}: its traffic cannot be changed now.",
                hint="Wait until it is InService.",
            )
        endpoint.set_weights(self._platform.aws.sagemaker, self.name, weights)
        self._settle()
        return self.traffic()

    def _settle(self) -> None:
        """Wait until no update is under way."""
        serving = self._platform.settings.serving
        deadline = time.monotonic() + serving.rollout.maximum_seconds
        while not (state := self.state()).in_service:
            if state.status == "Failed" or time.monotonic() >= deadline:
                raise Unavailable(
                    f"The endpoint {self.name} is {state.status}, not InService.",
                    hint="Look at `session.endpoint.describe()`.",
                )
            time.sleep(serving.poll_seconds)

    def scaling(self) -> pd.DataFrame:
        """Return between how many instances each variant scales, and how many it has."""
        running = {variant.name: variant.instances for variant in self.state().variants}
        rows = [
            {**each._asdict(), "instances": running.get(each.variant, 0)}
            for each in self._scaling().bounds(running)
        ]
        columns = pd.Index(["variant", "minimum", "maximum", "instances"])
        return pd.DataFrame(rows, columns=columns).set_index("variant")

    def scaling_activities(self, *, variant: str = VARIANT_A) -> pd.DataFrame:
        """Return when and why a variant's instances became more or fewer, the newest first."""
        rows = [
            {
                "started": activity["StartTime"],
                "status": activity["StatusCode"],
                "what": activity["Description"],
                "why": activity["Cause"],
            }
            for activity in self._scaling().activities(variant)
        ]
        columns = pd.Index(["started", "status", "what", "why"])
        return pd.DataFrame(rows, columns=columns).set_index("started")

    def _scaling(self) -> Scaling:
        return Scaling(self._platform.aws.client("application-autoscaling"), self.name)

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


def check_weights(weights: Mapping[str, float], known: Mapping[str, float]) -> None:
    """Refuse weights that an endpoint with these variants and weights cannot take.

    Raises
    ------
    InvalidInput
        The message says which and why.
    """
    variants = f"Its variants are {', '.join(known) or 'none'}."
    if not weights:
        raise InvalidInput("No weight is given.", hint=f"Write ModelA=50 ModelB=50. {variants}")
    unknown = sorted(set(weights) - set(known))
    if unknown:
        raise InvalidInput(f"The endpoint has no variant {', '.join(unknown)}.", hint=variants)
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise InvalidInput(
                f"{weight:g} is no weight for {name}.", hint="Give 0 or a positive number."
            )
    if not any({**known, **weights}.values()):
        raise InvalidInput("Nobody would get any traffic.", hint="Leave one variant a weight.")
