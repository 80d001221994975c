"""A state machine from a definition in JSON: logged, traced, allowed what its steps call."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_stepfunctions import (
    DefinitionBody,
    LogLevel,
    LogOptions,
    StateMachine,
    StateMachineType,
)
from constructs import Construct

from visionml.cdk.findings import acknowledge, wildcard
from visionml.cdk.units.handler import LambdaFunction
from visionml.cdk.units.log_group import log_group
from visionml.cdk.units.notifications import Notifications
from visionml.cdk.units.permissions import JOBS_OF_RUNS, allow, arn, hand_over
from visionml.contracts.names import STAGING, Names
from visionml.contracts.settings import Settings


class Machine(Construct):
    """A state machine; ``role`` is what its steps act with.

    An express one keeps nothing of its executions but what it logs: all steps, with what goes in
    and out left to the functions' own logs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        name: str,
        definition: Mapping[str, Any],
        handlers: Sequence[LambdaFunction],
        settings: Settings,
        logs_key: IKey,
        notifications: Notifications | None = None,
        express: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self.role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal("states.amazonaws.com"),
            description=f"What the steps of {name} act with.",
        )
        logs = log_group(
            self,
            "Logs",
            name=f"/aws/vendedlogs/states/{name}",
            key=logs_key,
            settings=settings,
        )
        self.machine = StateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type=StateMachineType.EXPRESS if express else StateMachineType.STANDARD,
            definition_body=DefinitionBody.from_string(Stack.of(self).to_json_string(definition)),
            role=self.role,
            tracing_enabled=True,
            logs=LogOptions(destination=logs, level=LogLevel.ALL, include_execution_data=False),
        )
        allow(
            self.role,
            ["lambda:InvokeFunction"],
            [handler.function.function_arn for handler in handlers],
        )
        if notifications:
            notifications.let_announce(self.role)
        acknowledge(
            self.role,
            {wildcard("*"): "The actions of log delivery and of X-Ray know no resources."},
        )

    def let_run_jobs(self, *, job_role: Role, volume_key: IKey) -> None:
        """Allow training, processing and tuning jobs of runs, and waiting for their end."""
        for kind, word, rule_word in (
            ("Training", "training", "Training"),
            ("Processing", "processing", "Processing"),
            ("HyperParameterTuning", "hyper-parameter-tuning", "Tuning"),
        ):
            verbs = (f"Create{kind}Job", f"Describe{kind}Job", f"Stop{kind}Job", "AddTags")
            allow(
                self.role,
                [f"sagemaker:{verb}" for verb in verbs],
                [arn(self.role, "sagemaker", f"{word}-job/run-*")],
                because=JOBS_OF_RUNS,
            )
            rule = f"rule/StepFunctionsGetEventsForSageMaker{rule_word}JobsRule"
            allow(
                self.role,
                ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
                [arn(self.role, "events", rule)],
            )
        hand_over(self.role, given=job_role, volume_key=volume_key)

    def let_submit(self, names: Names, *, queue_arn: str) -> None:
        """Allow jobs of batch runs, and waiting for their end."""
        jobs = arn(self.role, "batch", f"job-definition/{names.batch}:*")
        numbered = "Batch numbers the revisions of a definition."
        allow(self.role, ["batch:SubmitJob"], [queue_arn, jobs], because=numbered)
        named = "Batch names its jobs."
        any_job = arn(self.role, "batch", "job/*")
        allow(self.role, ["batch:TerminateJob"], [any_job], because=named)
        unknown = "Describing jobs knows no resources."
        allow(self.role, ["batch:DescribeJobs"], ["*"], because=unknown)
        allow(
            self.role,
            ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
            [arn(self.role, "events", "rule/StepFunctionsGetEventsForBatchJobsRule")],
        )

    def let_transform(self, *, given: Role, volume_key: IKey) -> None:
        """Allow transform jobs of batch runs, and the models that are made for them."""
        named = "Jobs and their models are named by their run, unknown until it starts."
        for kind, verbs in {
            "model": ("CreateModel", "DeleteModel", "AddTags"),
            "transform-job": (
                "CreateTransformJob",
                "DescribeTransformJob",
                "StopTransformJob",
                "AddTags",
            ),
        }.items():
            made = arn(self.role, "sagemaker", f"{kind}/batch-*")
            actions = [f"sagemaker:{verb}" for verb in verbs]
            allow(self.role, actions, [made], because=named)
        allow(
            self.role,
            ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
            [arn(self.role, "events", "rule/StepFunctionsGetEventsForSageMakerTransformJobsRule")],
        )
        hand_over(self.role, given=given, volume_key=volume_key)

    def let_map(self, names: Names) -> None:
        """Allow a Distributed Map to run its items as executions of their own."""
        machine = arn(self.role, "states", f"stateMachine:{names.batch}")
        allow(self.role, ["states:StartExecution"], [machine])
        children = arn(self.role, "states", f"execution:{names.batch}/*")
        reason = "Step Functions names the executions of a map."
        actions = ["states:DescribeExecution", "states:StopExecution"]
        allow(self.role, actions, [children], because=reason)

    def let_publish(self) -> None:
        """Allow publishing events on the account's default bus."""
        allow(self.role, ["events:PutEvents"], [arn(self.role, "events", "event-bus/default")])

    def let_deploy(self, names: Names, *, hosting_role: Role, volume_key: IKey) -> None:
        """Allow what puts a model on the environment's endpoint."""
        name = names.deployed("*")
        model = arn(self.role, "sagemaker", f"model/{name}")
        config = arn(self.role, "sagemaker", f"endpoint-config/{name}")
        endpoint = arn(self.role, "sagemaker", f"endpoint/{names.endpoint}")
        staging = arn(self.role, "sagemaker", f"endpoint/{names.staging_endpoint}")
        for action, resources in {
            "CreateModel": [model],
            "CreateEndpointConfig": [config],
            "AddTags": [model, config, staging],
            "CreateEndpoint": [staging, config],
            "UpdateEndpoint": [endpoint, config],
            "DescribeEndpoint": [endpoint, staging],
            "DeleteEndpoint": [staging],
            "DeleteEndpointConfig": [f"{config}-{STAGING}"],
        }.items():
            reason = "Models and configurations are named by their deployment, unknown until then."
            allow(self.role, [f"sagemaker:{action}"], resources, because=reason)
        hand_over(self.role, given=hosting_role, volume_key=volume_key)
