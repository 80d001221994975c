"""The steps before a promotion touches production: staging, its checks, a person's approval."""

from typing import Any

from visionml.cdk.units.states import (
    TRANSIENT_LAMBDA,
    State,
    announce,
    call,
    choose,
    failed,
    invoke,
    retry,
    step,
)
from visionml.contracts.deployment import STAGING_FAILED
from visionml.contracts.settings import ServingSettings

STAGING_SECONDS = 1800
"""How long the staging endpoint may take to start."""
CHECK_SECONDS = 600

_PLAN = "{% $plan %}"
_STAGING = {"EndpointName": "{% $plan.staging_name %}"}


def longest_seconds(serving: ServingSettings) -> int:
    """Return how long all of it takes at most."""
    return STAGING_SECONDS + CHECK_SECONDS + serving.rollout.approval_hours * 3600


def staging(
    *,
    checker_arn: str,
    config: dict[str, Any],
    tags: list[dict[str, str]],
    poll_seconds: int,
    then: str,
) -> dict[str, State]:
    """Start the staging endpoint, check it, delete it in any case; begins at CreateStagingConfig.

    `config` are the arguments of CreateEndpointConfig. What fails goes on at Record, once the
    endpoint is deleted.
    """
    create = call("sagemaker:createEndpoint", {**_STAGING, **_config_name(), "Tags": tags}, 60)
    describe = call("aws-sdk:sagemaker:describeEndpoint", _STAGING, seconds=60)
    check = {
        **invoke(checker_arn, {"plan": _PLAN}, seconds=CHECK_SECONDS),
        "Assign": {"staging": "{% $states.result.Payload %}"},
    }
    creating = "$states.input.EndpointStatus = 'Creating'"
    in_time = f"$millis() - $deadline < {1000 * STAGING_SECONDS}"
    return {
        "CreateStagingConfig": step(
            "CreateStagingConfig",
            call("sagemaker:createEndpointConfig", config, seconds=60),
            then="CreateStaging",
        ),
        "CreateStaging": step(
            "CreateStaging",
            {**create, "Assign": {"deadline": "{% $millis() %}"}},
            then="WaitForStaging",
            otherwise="DeleteStaging",
        ),
        "WaitForStaging": {"Type": "Wait", "Seconds": poll_seconds, "Next": "DescribeStaging"},
        "DescribeStaging": step(
            "DescribeStaging", describe, then="StagingStarted", otherwise="DeleteStaging"
        ),
        "StagingStarted": choose(
            (f"{{% {creating} and {in_time} %}}", "WaitForStaging"),
            ("{% $states.input.EndpointStatus = 'InService' %}", "CheckStaging"),
            otherwise="StagingBroken",
        ),
        "StagingBroken": failed(
            "DescribeStaging",
            error=STAGING_FAILED,
            cause="{% 'The staging endpoint is ' & $states.input.EndpointStatus & ': ' "
            "& $string($states.input.FailureReason) %}",
            then="DeleteStaging",
        ),
        "CheckStaging": step(
            "CheckStaging", check, then="StagingPassed", otherwise="DeleteStaging"
        ),
        "StagingPassed": choose(
            ("{% $staging.passed %}", "DeleteStaging"), otherwise="StagingRefused"
        ),
        "StagingRefused": failed(
            "CheckStaging",
            error=STAGING_FAILED,
            cause="{% $staging.reason %}",
            then="DeleteStaging",
        ),
        **_deleted(then),
    }


def _deleted(then: str) -> dict[str, State]:
    """Delete the endpoint and its configuration; what stays is deleted by the daily clean-up."""
    delete = call("aws-sdk:sagemaker:deleteEndpoint", _STAGING, seconds=60)
    forget = call("aws-sdk:sagemaker:deleteEndpointConfig", _config_name(), seconds=60)

    def in_any_case(state: State, following: str) -> State:
        caught = [{"ErrorEquals": ["States.ALL"], "Next": following}]
        return {**state, "Catch": caught, "Next": following}

    return {
        "DeleteStaging": in_any_case(delete, "DeleteStagingConfig"),
        "DeleteStagingConfig": in_any_case(forget, "Staged"),
        "Staged": choose(("{% $exists($failure.step) %}", "Record"), otherwise=then),
    }


def _config_name() -> dict[str, str]:
    return {"EndpointConfigName": "{% $plan.staging_config_name %}"}


def approval(
    *, requester_arn: str, topic_arn: str, serving: ServingSettings, then: str
) -> dict[str, State]:
    """Wait for a person where the package is pending; begins at IsApproved.

    The token is kept by a function, which looks at the package once more: it may have been
    approved meanwhile.
    """
    message = (
        "{% 'The deployment ' & $plan.deployment_id & ' of ' & $plan.model_version & ' waits for "
        "the approval of ' & $plan.package_arn & ', for "
        f"{serving.rollout.approval_hours} hours. On staging: ' & $staging.reason & ' "
        "Approve or reject the package in SageMaker.' %}"
    )
    told = announce(topic_arn, "A deployment waits for your approval", message)
    wait: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {
            "FunctionName": requester_arn,
            "Payload": {"plan": _PLAN, "token": "{% $states.context.Task.Token %}"},
        },
        "TimeoutSeconds": serving.rollout.approval_hours * 3600,
        "Retry": retry(TRANSIENT_LAMBDA),
    }
    return {
        "IsApproved": choose(("{% $plan.needs_approval %}", "AskForApproval"), otherwise=then),
        "AskForApproval": step("AskForApproval", told, then="AwaitApproval"),
        "AwaitApproval": step("AwaitApproval", wait, then=then),
    }
