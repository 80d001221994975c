"""The challenger's instances follow its load: it comes and goes, so a function sees to it."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_events import Schedule
from aws_cdk.aws_iam import Role
from constructs import Construct

from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.permissions import allow, arn, look_at_alarms, use_endpoint
from visionml.cdk.units.rules import execution_ended, run_on
from visionml.contracts.environment import ChallengerScalerEnvironment
from visionml.contracts.names import METRIC_NAMESPACE
from visionml.contracts.scaling import ScalingRules

_UNNAMED = "Application Auto Scaling gives scalable targets, and their alarms, names of its own."


class ChallengerScaling(Construct):
    """Registers ModelB when a deployment has brought it, and forgets it when one has removed it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        rules: ScalingRules,
    ) -> None:
        super().__init__(scope, id)
        names = handlers.names
        self.scaler: Handler = handlers.add(
            "challenger_scaler",
            ChallengerScalerEnvironment(
                powertools_service_name="serving",
                powertools_metrics_namespace=METRIC_NAMESPACE,
                endpoint_name=names.endpoint,
                rules=rules.model_dump_json(),
            ),
            private=False,  # the network has no endpoint of Application Auto Scaling
        )
        _let_scale(self.scaler.role)
        # Application Auto Scaling asks whether its caller may do what it is to do
        use_endpoint(
            self.scaler.role, names, "DescribeEndpoint", "UpdateEndpointWeightsAndCapacities"
        )
        machine = names.state_machine_arn(names.deployment_machine, Stack.of(self).account)
        run_on(
            self,
            "DeploymentEnded",
            self.scaler,
            name=names.name("challenger-scaling"),
            description="A deployment has ended: there may be a challenger, or none any more.",
            event_pattern=execution_ended(machine),
        )
        run_on(
            self,
            "Regularly",
            self.scaler,
            name=names.name("challenger-scaling-check"),
            description="Makes up for events of deployments that were lost.",
            schedule=Schedule.rate(Duration.hours(1)),
        )


def _let_scale(role: Role) -> None:
    targets = arn(role, "application-autoscaling", "scalable-target/*")
    allow(
        role,
        [
            f"application-autoscaling:{action}"
            for action in (
                "RegisterScalableTarget",
                "DeregisterScalableTarget",
                "PutScalingPolicy",
                "PutScheduledAction",
            )
        ],
        [targets],
        because=_UNNAMED,
    )
    allow(
        role,
        ["application-autoscaling:DescribeScalableTargets"],
        ["*"],
        because="Describing scalable targets knows no resources.",
    )
    alarms = arn(role, "cloudwatch", "alarm:TargetTracking-*")
    allow(role, ["cloudwatch:PutMetricAlarm"], [alarms], because=_UNNAMED)
    look_at_alarms(role)
