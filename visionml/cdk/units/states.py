"""The parts that state machine definitions are made of: JSONata states as plain JSON."""

import json
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


def expression(value: Any) -> str:
    """Return a state field as a JSONata expression, to be part of a larger one.

    ``{"Uri": "{% $uri %}", "Mode": "File"}`` is ``{'Uri': $uri, 'Mode': 'File'}``.
    """
    if isinstance(value, dict):
        return (
            f"{{{', '.join(f'{_quoted(key)}: {expression(each)}' for key, each in value.items())}}}"
        )
    if isinstance(value, list):
        return f"[{', '.join(map(expression, value))}]"
    if isinstance(value, str):
        whole = value.startswith("{%") and value.endswith("%}")
        return value[2:-2].strip() if whole else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    if "'" in text or "\\" in text:
        raise ValueError(f"{text!r} cannot stand in an expression.")
    return f"'{text}'"


def choose(*choices: tuple[str, str], otherwise: str) -> State:
    """Go to the state of the first condition that holds."""
    return {
        "Type": "Choice",
        "Choices": [{"Condition": condition, "Next": state} for condition, state in choices],
        "Default": otherwise,
    }


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


def step(name: str, state: State, *, then: str, otherwise: str = "Record") -> State:
    """Complete a task: what fails goes on at `otherwise`."""
    return {**state, "Catch": catch(name, to=otherwise), "Next": then}


def failed(name: str, *, error: str, cause: str, then: str) -> State:
    """Remember a failure that no task raised."""
    return {
        "Type": "Pass",
        "Assign": {"failure": {"step": name, "error": error, "cause": cause}},
        "Next": then,
    }


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


def call(resource: str, arguments: State, seconds: int) -> State:
    """Call SageMaker through one of Step Functions' integrations."""
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": arguments,
        "TimeoutSeconds": seconds,
        "Retry": retry(TRANSIENT_SAGEMAKER),
    }


def publish(source: str, kind: str, detail: State | str) -> State:
    """Publish an event on the account's default bus."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Arguments": {"Entries": [{"Source": source, "DetailType": kind, "Detail": detail}]},
        "TimeoutSeconds": 60,
        "Retry": retry(["States.TaskFailed"], attempts=2),
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
