"""The deployment machine: a registered version goes in, what serves at the end comes out."""

from dataclasses import dataclass
from typing import Any

from visionml.cdk.units.instances import has_local_storage
from visionml.cdk.units.states import State, announce, call, catch, invoke
from visionml.contracts.deployment import ROLLED_BACK
from visionml.contracts.names import VARIANT_A
from visionml.contracts.settings import ServingSettings

_REQUEST = "{% $states.context.Execution.Input %}"
_PLAN = "{% $plan %}"
_OUTCOME_ERROR = (
    f"{{% $states.input.outcome = 'rolled_back' ? '{ROLLED_BACK}' : 'Deployment' & "
    "$uppercase($substring($states.input.outcome, 0, 1)) & $substring($states.input.outcome, 1) %}"
)


@dataclass(frozen=True)
class DeploymentParts:
    """What the machine calls, and what the models it creates run with."""

    planner_arn: str
    recorder_arn: str
    topic_arn: str
    hosting_role_arn: str
    volume_key: str
    tags: dict[str, str]
    vpc_config: dict[str, list[str]] | None = None


def definition(parts: DeploymentParts, *, serving: ServingSettings) -> dict[str, Any]:
    """Return the machine's definition; its input is a ``DeploymentRequest``."""
    describe = call(
        "aws-sdk:sagemaker:describeEndpoint",
        {"EndpointName": "{% $plan.endpoint_name %}"},
        seconds=60,
    )
    plan = {
        **invoke(parts.planner_arn, _REQUEST),
        "Assign": {"plan": "{% $states.result.Payload %}"},
    }
    return {
        "Comment": "Plan, create, update the endpoint, watch, record what serves.",
        "QueryLanguage": "JSONata",
        "StartAt": "Plan",
        "TimeoutSeconds": serving.update_timeout_seconds + 600,
        "States": {
            "Plan": _step("Plan", plan, then="CreateModel", otherwise="RecordRefused"),
            "CreateModel": _step("CreateModel", _model(parts), then="CreateEndpointConfig"),
            "CreateEndpointConfig": _step(
                "CreateEndpointConfig", _config(parts, serving), then="UpdateEndpoint"
            ),
            "UpdateEndpoint": _step("UpdateEndpoint", _update(), then="Wait"),
            "Wait": {"Type": "Wait", "Seconds": serving.poll_seconds, "Next": "Describe"},
            "Describe": _step("Describe", describe, then="Ended"),
            "Ended": _ended(serving),
            "OutOfTime": _out_of_time(serving),
            "Record": _step(
                "Record",
                _record(parts, {"action": "ended", "plan": _PLAN}),
                then="Promoted",
                otherwise="Announce",
            ),
            "RecordFailed": _record_failed(parts, plan=_PLAN),
            "RecordRefused": _record_failed(parts),
            "Promoted": _promoted(),
            "Done": {"Type": "Succeed", "Output": "{% $states.input %}"},
            "Announce": _announce(parts),
            "Failed": {
                "Type": "Fail",
                "Error": "{% $failure.error %}",
                "Cause": "{% $failure.cause %}",
            },
        },
    }


def _step(name: str, state: State, *, then: str, otherwise: str = "RecordFailed") -> State:
    return {**state, "Catch": catch(name, to=otherwise), "Next": then}


def _model(parts: DeploymentParts) -> State:
    arguments: dict[str, Any] = {
        "ModelName": "{% $plan.model_name %}",
        "ExecutionRoleArn": parts.hosting_role_arn,
        "PrimaryContainer": {"Image": "{% $plan.image %}", "ModelDataUrl": "{% $plan.artefact %}"},
        "EnableNetworkIsolation": True,
        "Tags": _tags(parts),
    }
    if parts.vpc_config:
        arguments["VpcConfig"] = parts.vpc_config
    return call("sagemaker:createModel", arguments, seconds=60)


def _config(parts: DeploymentParts, serving: ServingSettings) -> State:
    arguments: dict[str, Any] = {
        "EndpointConfigName": "{% $plan.endpoint_config_name %}",
        "ProductionVariants": [
            {
                "VariantName": VARIANT_A,
                "ModelName": "{% $plan.model_name %}",
                "InstanceType": "{% $plan.instance_type %}",
                "InitialInstanceCount": "{% $plan.instance_count %}",
                "InitialVariantWeight": 1,
            }
        ],
        "Tags": _tags(parts),
    }
    if not has_local_storage(serving.instance_type):
        arguments["KmsKeyId"] = parts.volume_key
    return call("sagemaker:createEndpointConfig", arguments, seconds=60)


def _update() -> State:
    arguments = {
        "EndpointName": "{% $plan.endpoint_name %}",
        "EndpointConfigName": "{% $plan.endpoint_config_name %}",
    }
    update = call("sagemaker:updateEndpoint", arguments, seconds=60)
    return {**update, "Assign": {"deadline": "{% $millis() %}"}}


def _ended(serving: ServingSettings) -> State:
    """Go on waiting while the endpoint moves, as long as the settings allow."""
    moving = "$states.input.EndpointStatus in ['Updating', 'RollingBack', 'SystemUpdating']"
    in_time = f"$millis() - $deadline < {1000 * serving.update_timeout_seconds}"
    return {
        "Type": "Choice",
        "Choices": [
            {"Condition": f"{{% {moving} and {in_time} %}}", "Next": "Wait"},
            {"Condition": f"{{% {moving} %}}", "Next": "OutOfTime"},
        ],
        "Default": "Record",
    }


def _out_of_time(serving: ServingSettings) -> State:
    return {
        "Type": "Pass",
        "Assign": {
            "failure": {
                "step": "Wait",
                "error": "States.Timeout",
                "cause": "The endpoint was still being updated after "
                f"{serving.update_timeout_seconds} seconds.",
            }
        },
        "Next": "RecordFailed",
    }


def _record(parts: DeploymentParts, facts: dict[str, str]) -> State:
    return invoke(parts.recorder_arn, {"request": _REQUEST, **facts})


def _record_failed(parts: DeploymentParts, **facts: str) -> State:
    """Record the failure; when even that fails, people are still told."""
    told = _record(
        parts,
        {
            "action": "failed",
            "step": "{% $failure.step %}",
            "error": "{% $failure.error %}",
            "cause": "{% $failure.cause %}",
            **facts,
        },
    )
    return {
        **told,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Announce"}],
        "Next": "Announce",
    }


def _promoted() -> State:
    failure = {
        "step": "Record",
        "error": _OUTCOME_ERROR,
        "cause": "{% $states.input.reason %}",
    }
    promoted = "{% $states.input.outcome = 'promoted' %}"
    return {
        "Type": "Choice",
        "Choices": [{"Condition": promoted, "Next": "Done"}],
        "Assign": {"failure": failure},
        "Default": "Announce",
    }


def _announce(parts: DeploymentParts) -> State:
    message = (
        "{% 'The deployment ' & $string($states.context.Execution.Input.deployment_id) & ' of ' "
        "& $string($states.context.Execution.Input.model_version) & ' did not end in a promotion, '"
        " & 'at the step ' & $failure.step & ': ' & $failure.error & '. ' & $failure.cause %}"
    )
    told = announce(parts.topic_arn, "A deployment did not end in a promotion", message)
    return {
        **told,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "Next": "Failed",
    }


def _tags(parts: DeploymentParts) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in parts.tags.items()]
