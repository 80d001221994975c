"""What Application Auto Scaling asks of SageMaker, CloudWatch and metrics."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visionml.local import ministack
from visionml.local.autoscaling.core import Variant
from visionml.local.autoscaling.tracking import PERIOD_SECONDS, Watched
from visionml.local.sagemaker.core import Caller, Document, Scope
from visionml.local.sagemaker.service import Service
from visionml.local.state import State as Server

if TYPE_CHECKING:
    from visionml.aws.session import Aws

CHANGING = "Updating"


@dataclass
class Surroundings:
    """The embedded AWS, as its service-linked role may use it."""

    sagemaker: Service
    server: Server
    _aws: "Aws | None" = None

    def describe(self, scope: Scope, variant: Variant) -> tuple[str, Document] | None:
        """Return an endpoint's status and a variant's summary; None when there is none."""
        endpoint = self.sagemaker.state.endpoints.get(scope, variant.endpoint)
        if endpoint is None:
            return None
        described = endpoint.described()
        for summary in described.get("ProductionVariants", []):
            if summary["VariantName"] == variant.name:
                return str(described["EndpointStatus"]), summary
        return None

    def stands(self, scope: Scope, variant: Variant) -> bool:
        """Tell whether a variant's endpoint is there, whatever it is doing."""
        return self.sagemaker.state.endpoints.get(scope, variant.endpoint) is not None

    def set_count(self, scope: Scope, variant: Variant, count: int) -> None:
        """Ask SageMaker for another number of instances.

        Raises
        ------
        Fault
            SageMaker refuses, such as while the endpoint is being updated.
        """
        wanted: list[Any] = [{"VariantName": variant.name, "DesiredInstanceCount": count}]
        with ministack.scope(scope.account, scope.region):
            self.sagemaker.call(
                "UpdateEndpointWeightsAndCapacities",
                {"EndpointName": variant.endpoint, "DesiredWeightsAndCapacities": wanted},
                Caller.root(scope),
            )

    def alarm_in(self, scope: Scope, name: str) -> bool:
        """Tell whether an alarm is in the state ALARM."""
        with ministack.scope(scope.account, scope.region):
            return ministack.alarm_state(name) == "ALARM"

    def value(self, scope: Scope, metric: Watched) -> float:
        """Return a metric's value in the period that ends now; 0 without data."""
        end = time.time()
        with ministack.scope(scope.account, scope.region):
            found = ministack.metric_statistic(
                metric.namespace,
                metric.name,
                metric.dimensions,
                statistic=metric.statistic,
                between=(end - PERIOD_SECONDS, end),
            )
        return found or 0.0

    def put_alarms(self, alarms: Sequence[Document]) -> dict[str, str]:
        """Create or change alarms, and return their ARNs by name."""
        cloudwatch = self._connected().cloudwatch
        for alarm in alarms:
            cloudwatch.put_metric_alarm(**alarm)
        names = [str(alarm["AlarmName"]) for alarm in alarms]
        found = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["AlarmArn"] for alarm in found}

    def delete_alarms(self, names: Sequence[str]) -> None:
        """Delete alarms; one that is gone already is no error."""
        self._connected().cloudwatch.delete_alarms(AlarmNames=list(names))

    def _connected(self) -> "Aws":
        if self._aws is None:
            self._aws = self.server.connect()
        return self._aws
