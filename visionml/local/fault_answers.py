"""Errors as a service would answer them: status and form by botocore's model of the service."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

from visionml.errors import InvalidInput

_MODELS = {
    "monitoring": ("cloudwatch",),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
    "states": ("stepfunctions",),
}
"""Names of botocore's models where they are not the service's signing scope."""
_FURTHER_OPERATIONS = {"s3": {"PostObject"}}
"""What no model has: S3's upload form."""
_COMMON = {
    "AccessDenied": 403,
    "AccessDeniedException": 400,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "RequestLimitExceeded": 400,
    "RequestTimeout": 400,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Throttling": 400,
    "ThrottlingException": 400,
}
"""HTTP statuses of codes that services answer whether their model has them or not."""
_SENTENCES = {
    "AccessDenied": "Access Denied",
    "InternalError": "We encountered an internal error. Please try again.",
    "ProvisionedThroughputExceededException": (
        "The level of configured provisioned throughput for the table was exceeded. "
        "Consider increasing your provisioning level with the UpdateTable API."
    ),
    "ServiceUnavailable": "Service is unable to handle request.",
    "SlowDown": "Please reduce your request rate.",
    "Throttling": "Rate exceeded",
    "ThrottlingException": "Rate exceeded",
    "TooManyRequestsException": "Rate Exceeded.",
}

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Known:
    """A service's error, ready to be answered."""

    protocol: str
    json_version: str
    status: int
    code: str

    def answer(self) -> Answer:
        """Return status, headers and body."""
        message = _SENTENCES.get(self.code, f"{self.code}, as somebody asked for it.")
        if self.protocol in {"json", "rest-json"}:
            version = f"x-amz-json-{self.json_version}" if self.protocol == "json" else "json"
            headers = {"Content-Type": f"application/{version}", "x-amzn-errortype": self.code}
            return self.status, headers, _json(self.code, message)
        error = f"<Code>{escape(self.code)}</Code><Message>{escape(message)}</Message>"
        request = f"<RequestId>{uuid4()}</RequestId>"
        if self.protocol == "rest-xml":
            body = f"<Error>{error}{request}</Error>"
        else:
            body = f"<ErrorResponse><Error>{error}</Error>{request}</ErrorResponse>"
        content = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()
        return self.status, {"Content-Type": "application/xml"}, content


def _json(code: str, message: str) -> bytes:
    return json.dumps({"__type": code, "message": message}).encode()


@cache
def known(service: str, operation: str, code: str) -> Known:
    """Return an error that an operation may answer.

    Raises
    ------
    InvalidInput
        There is no such service, operation or error.
    """
    model = _model(service, operation)
    protocol = str(model.metadata["protocol"])
    if protocol not in {"json", "rest-json", "rest-xml", "query"}:
        raise InvalidInput(f"Errors of {service} cannot be answered: it speaks {protocol}.")
    status = _status(model, code)
    if status is None:
        codes = sorted({*_COMMON, *_exceptions(model)})
        raise InvalidInput(
            f"{service} has no error {code}.", hint=f"Its errors: {', '.join(codes)}."
        )
    return Known(protocol, str(model.metadata.get("jsonVersion", "1.0")), status, code)


def _model(service: str, operation: str) -> ServiceModel:
    for name in _MODELS.get(service, (service,)):
        try:
            model = ServiceModel(Loader().load_service_model(name, "service-2"), name)
        except UnknownServiceError:
            raise InvalidInput(
                f"There is no service {service}.",
                hint="Name it as it signs: s3, dynamodb, rekognition, states, sqs...",
            ) from None
        if operation in {*model.operation_names, *_FURTHER_OPERATIONS.get(service, ())}:
            return model
    raise InvalidInput(
        f"{service} has no operation {operation}.", hint="Name it as in AWS's API: PutItem."
    )


def _exceptions(model: ServiceModel) -> dict[str, Any]:
    """Return a service's errors by their codes, as the model's file has them."""
    file = Loader().load_service_model(model.service_name, "service-2")
    return {
        str(shape.get("error", {}).get("code", name)): shape
        for name, shape in file["shapes"].items()
        if shape.get("exception")
    }


def _status(model: ServiceModel, code: str) -> int | None:
    shape = _exceptions(model).get(code)
    if shape is None:
        return _COMMON.get(code)
    told = shape.get("error", {}).get("httpStatusCode")
    return int(told) if told else 500 if shape.get("fault") else 400
