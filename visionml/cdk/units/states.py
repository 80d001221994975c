"""The parts that state machine definitions are made of: JSONata states as plain JSON."""

import re
from collections.abc import Mapping
from typing import Any

State = dict[str, Any]

_FIELD = re.compile(r"\{(\w+)\}")

TRANSIENT_LAMBDA = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Unavailable",  # what handlers raise when a service throttles or cannot be reached
]
TRANSIENT_SAGEMAKER = [
    "SageMaker.AmazonSageMakerException",
    "SageMaker.ThrottlingException",
    "SageMaker.ServiceUnavailableException",
    "SageMaker.InternalFailureException",
]


def template(text: str, fields: Mapping[str, str]) -> str:
    """Return a JSONata state field from a text with placeholders.

    ``template("runs/{run}/x", {"run": "$request.run_id"})`` is
    ``{% 'runs/' & $request.run_id & '/x' %}``. Other braces, such as those of CDK's own tokens,
    stay as they are.
    """
    parts = _FIELD.split(text)
    terms = [
        fields[part] if index % 2 else f"'{part}'"
        for index, part in enumerate(parts)
        if index % 2 or part
    ]
    return f"{{% {' & '.join(terms)} %}}"


def retry(errors: list[str], *, attempts: int = 4) -> list[State]:
    """Retry with exponential backoff and full jitter: about 2, 4, 8 and 16 seconds at most."""
    return [
        {
            "ErrorEquals": errors,
            "IntervalSeconds": 2,
            "BackoffRate": 2,
            "MaxDelaySeconds": 30,
            "MaxAttempts": attempts,
            "JitterStrategy": "FULL",
        }
    ]


def catch(step: str, *, to: str) -> list[State]:
    """Remember the step and its error in ``$failure`` and go on at another state."""
    failure = {
        "step": step,
        "error": "{% $states.errorOutput.Error %}",
        "cause": "{% $states.errorOutput.Cause %}",
    }
    return [{"ErrorEquals": ["States.ALL"], "Assign": {"failure": failure}, "Next": to}]


def invoke(function_arn: str, payload: State | str, *, seconds: int = 60) -> State:
    """Call a Lambda function; its answer is the state's result."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function_arn, "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        "TimeoutSeconds": seconds,
        "Retry": retry(TRANSIENT_LAMBDA),
    }


def call(resource: str, arguments: State, *, seconds: int) -> State:
    """Call SageMaker through one of Step Functions' integrations."""
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": arguments,
        "TimeoutSeconds": seconds,
        "Retry": retry(TRANSIENT_SAGEMAKER),
    }


def announce(topic_arn: str, subject: str, message: str) -> State:
    """Publish to a topic."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Arguments": {"TopicArn": topic_arn, "Subject": subject, "Message": message},
        "TimeoutSeconds": 60,
        "Retry": retry(["States.TaskFailed"], attempts=2),
    }
