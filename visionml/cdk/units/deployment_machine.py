"""The deployment machine: a registered version goes in, what serves at the end comes out."""

from dataclasses import dataclass
from typing import Any

from visionml.cdk.units import staging_steps
from visionml.cdk.units.instances import has_local_storage
from visionml.cdk.units.states import (
    State,
    announce,
    call,
    choose,
    failed,
    invoke,
    publish,
    step,
)
from visionml.contracts.deployment import ROLLED_BACK
from visionml.contracts.events import DEPLOYMENT_ENDED, DEPLOYMENT_SOURCE
from visionml.contracts.settings import ServingSettings

REQUEST = "{% $states.context.Execution.Input %}"
GRACE_SECONDS = 600
"""How much longer than SageMaker itself the machine watches an update."""

_START = {"request": REQUEST, "execution": "{% $states.context.Execution.Id %}"}
_IS_ROLLBACK = "$states.context.Execution.Input.kind = 'rollback'"
_PHASE = f"{{% {_IS_ROLLBACK} ? 'update' : 'prepare' %}}"
_SERVES = "{% $plan.serves_already %}"
_PRODUCED = {
    "EndpointConfigName": "{% $plan.endpoint_config_name %}",
    "ProductionVariants": "{% $plan.production_variants %}",
}
_STAGED = {
    "EndpointConfigName": "{% $plan.staging_config_name %}",
    "ProductionVariants": "{% $plan.staging_variants %}",
}
_HAS_OUTCOME = "$exists($outcome.outcome)"
_HAS_FAILED = "$exists($failure.step)"
_OUTCOME_ERROR = (
    f"{{% $outcome.outcome = 'rolled_back' ? '{ROLLED_BACK}' : 'Deployment' & "
    "$uppercase($substring($outcome.outcome, 0, 1)) & $substring($outcome.outcome, 1) %}"
)


@dataclass(frozen=True)
class DeploymentParts:
    """What the machine calls, and what the models it creates run with."""

    planner_arn: str
    checker_arn: str
    approval_arn: str
    recorder_arn: str
    topic_arn: str
    hosting_role_arn: str
    volume_key: str
    tags: dict[str, str]
    vpc_config: dict[str, list[str]] | None = None
    prober_arn: str | None = None


def watch_seconds(serving: ServingSettings) -> int:
    """Return how long an update is watched."""
    return serving.rollout.maximum_seconds + GRACE_SECONDS


def longest_seconds(serving: ServingSettings) -> int:
    """Return how long a deployment takes at most."""
    return staging_steps.longest_seconds(serving) + watch_seconds(serving) + GRACE_SECONDS


def definition(parts: DeploymentParts, *, serving: ServingSettings) -> dict[str, Any]:
    """Return the machine's definition; its input is a ``DeploymentRequest``."""
    return {
        "Comment": "Plan, try on staging, ask, update the endpoint, watch, record what serves.",
        "QueryLanguage": "JSONata",
        "StartAt": "Accept",
        "TimeoutSeconds": longest_seconds(serving),
        "States": {
            "Accept": _accept(),
            "Plan": step("Plan", _plan(parts, _PHASE), then="Planned"),
            "Planned": choose((_SERVES, "Record"), otherwise="CreateModels"),
            "CreateModels": step("CreateModels", _models(parts), then="IsRollback"),
            "IsRollback": choose(
                (f"{{% {_IS_ROLLBACK} %}}", "HasShadow"), otherwise="CreateStagingConfig"
            ),
            **staging_steps.staging(
                checker_arn=parts.checker_arn,
                config=_config(parts, serving, _STAGED),
                tags=_tags(parts),
                poll_seconds=serving.poll_seconds,
                then="IsApproved",
            ),
            **staging_steps.approval(
                requester_arn=parts.approval_arn,
                topic_arn=parts.topic_arn,
                serving=serving,
                then="Confirm",
            ),
            "Confirm": step("Confirm", _plan(parts, "update"), then="Confirmed"),
            "Confirmed": choose((_SERVES, "Record"), otherwise="HasShadow"),
            "HasShadow": choose(
                ("{% $count($plan.shadow_variants) > 0 %}", "CreateShadowedConfig"),
                otherwise="CreateEndpointConfig",
            ),
            **_configs(parts, serving),
            "UpdateEndpoint": step("UpdateEndpoint", _update(), then="Wait"),
            **_watching(parts, serving),
            **_ending(parts),
        },
    }


def _accept() -> State:
    """Give every variable a value: reading one that has none is an error of its own."""
    nothing: dict[str, Any] = {name: {} for name in ("plan", "failure", "staging", "outcome")}
    return {
        "Type": "Pass",
        "Assign": {**nothing, "updated": False, "missed_probes": 0},
        "Next": "Plan",
    }


def _plan(parts: DeploymentParts, phase: str) -> State:
    """Plan; once more before the endpoint is touched, since days may have passed by then."""
    return {
        **invoke(parts.planner_arn, {**_START, "phase": phase}),
        "Assign": {"plan": "{% $states.result.Payload %}"},
    }


def _models(parts: DeploymentParts) -> State:
    """Create the SageMaker model of each variant."""
    arguments: dict[str, Any] = {
        "ModelName": "{% $states.input.model_name %}",
        "ExecutionRoleArn": parts.hosting_role_arn,
        "PrimaryContainer": {
            "Image": "{% $states.input.image %}",
            "ModelDataUrl": "{% $states.input.artefact %}",
        },
        "EnableNetworkIsolation": True,
        "Tags": _tags(parts),
    }
    if parts.vpc_config:
        arguments["VpcConfig"] = parts.vpc_config
    return {
        "Type": "Map",
        "Items": "{% $plan.models %}",
        "MaxConcurrency": 1,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "CreateModel",
            "States": {
                "CreateModel": {
                    **call("sagemaker:createModel", arguments, seconds=60),
                    "End": True,
                }
            },
        },
    }


def _configs(parts: DeploymentParts, serving: ServingSettings) -> dict[str, State]:
    """Create the endpoint configuration; SageMaker refuses an empty list of shadows."""
    plain = _config(parts, serving, _PRODUCED)
    shadowed = {**plain, "ShadowProductionVariants": "{% $plan.shadow_variants %}"}
    return {
        name: step(
            name,
            call("sagemaker:createEndpointConfig", arguments, seconds=60),
            then="UpdateEndpoint",
        )
        for name, arguments in {
            "CreateEndpointConfig": plain,
            "CreateShadowedConfig": shadowed,
        }.items()
    }


def _config(
    parts: DeploymentParts, serving: ServingSettings, variants: dict[str, str]
) -> dict[str, Any]:
    config: dict[str, Any] = {**variants, "Tags": _tags(parts)}
    if not has_local_storage(serving.instance_type):
        config["KmsKeyId"] = parts.volume_key
    return config


def _update() -> State:
    """Update the endpoint; SageMaker remembers no DeploymentConfig, so each update brings its."""
    arguments = {
        "EndpointName": "{% $plan.endpoint_name %}",
        "EndpointConfigName": "{% $plan.endpoint_config_name %}",
        "DeploymentConfig": "{% $plan.deployment_config %}",
    }
    update = call("sagemaker:updateEndpoint", arguments, seconds=60)
    return {**update, "Assign": {"updated": True, "deadline": "{% $millis() %}"}}


def _watching(parts: DeploymentParts, serving: ServingSettings) -> dict[str, State]:
    """Look again and again until the endpoint has come to rest.

    Known images are asked for only while the new fleet has traffic: before, they would meet what
    served until now, and where that is broken, or the seed, its errors would stop the rollout.
    """
    moving = "$states.input.EndpointStatus in ['Updating', 'RollingBack', 'SystemUpdating']"
    seconds = watch_seconds(serving)
    in_time = f"$millis() - $deadline < {1000 * seconds}"
    describe = call(
        "aws-sdk:sagemaker:describeEndpoint",
        {"EndpointName": "{% $plan.endpoint_name %}"},
        seconds=60,
    )
    pending = "$states.input.PendingDeploymentSummary.ProductionVariants.VariantStatus.Status"
    probing = [(f"{{% {moving} and {in_time} and 'Baking' in {pending} %}}", "Probe")]
    return {
        "Wait": {"Type": "Wait", "Seconds": serving.poll_seconds, "Next": "Describe"},
        "Describe": step("Describe", describe, then="Ended"),
        "Ended": choose(
            *(probing if parts.prober_arn else []),
            (f"{{% {moving} and {in_time} %}}", "Wait"),
            (f"{{% {moving} %}}", "OutOfTime"),
            otherwise="Record",
        ),
        "OutOfTime": failed(
            "Wait",
            error="States.Timeout",
            cause=f"The endpoint was still being updated after {seconds} seconds.",
            then="Record",
        ),
        **({"Probe": _probe(parts.prober_arn)} if parts.prober_arn else {}),
    }


def _probe(prober_arn: str) -> State:
    """Ask the endpoint for known images; that this fails is counted, and no reason to stop."""
    return {
        **invoke(prober_arn, {"request": REQUEST, "plan": "{% $plan %}"}),
        "Catch": [
            {
                "ErrorEquals": ["States.ALL"],
                "Assign": {"missed_probes": "{% $missed_probes + 1 %}"},
                "Next": "Wait",
            }
        ],
        "Next": "Wait",
    }


def _ending(parts: DeploymentParts) -> dict[str, State]:
    """Record, publish and announce the outcome; end as a success only if it is one."""
    report = {
        "request": REQUEST,
        "started": "{% $states.context.Execution.StartTime %}",
        **{
            name: f"{{% ${name} %}}"
            for name in ("plan", "updated", "failure", "staging", "missed_probes")
        },
    }
    record = {
        **invoke(parts.recorder_arn, report),
        "Assign": {"outcome": "{% $states.result.Payload %}"},
    }
    event = publish(DEPLOYMENT_SOURCE, DEPLOYMENT_ENDED, "{% $outcome %}")
    return {
        "Record": step("Record", record, then="Publish", otherwise="Announce"),
        "Publish": step("Publish", event, then="Announce", otherwise="Announce"),
        "Announce": step("Announce", _announce(parts), then="Judge", otherwise="Judge"),
        "Judge": choose(
            (f"{{% $not({_HAS_OUTCOME}) %}}", "Failed"),
            ("{% $outcome.outcome = 'promoted' %}", "Answer"),
            (f"{{% $outcome.outcome = 'unchanged' and $not({_HAS_FAILED}) %}}", "Answer"),
            ("{% $outcome.outcome = 'unchanged' %}", "Failed"),
            otherwise="NotPromoted",
        ),
        "Answer": {"Type": "Pass", "Output": "{% $outcome %}", "Next": "Done"},
        "Done": {"Type": "Succeed"},
        "NotPromoted": failed(
            "Record", error=_OUTCOME_ERROR, cause="{% $outcome.reason %}", then="Failed"
        ),
        "Failed": {
            "Type": "Fail",
            "Error": "{% $failure.error %}",
            "Cause": "{% $failure.cause %}",
        },
    }


def _announce(parts: DeploymentParts) -> State:
    message = (
        f"{{% 'The ' & ({_HAS_OUTCOME} ? $outcome.kind : 'deployment') & ' '"
        " & $string($states.context.Execution.Input.deployment_id) & ' of ' "
        "& $string($states.context.Execution.Input.model_version) & ' ended: ' "
        f"& ({_HAS_OUTCOME} ? $outcome.outcome & '. ' & $outcome.reason "
        ": $failure.step & ': ' & $failure.error & '. ' & $failure.cause) %}"
    )
    return announce(parts.topic_arn, "A deployment has ended", message)


def _tags(parts: DeploymentParts) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in parts.tags.items()]
