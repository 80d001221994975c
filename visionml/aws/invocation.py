"""One call of a SageMaker endpoint, with the container's own refusals as answers."""

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from visionml.aws.errors import translated
from visionml.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

_STARTING = frozenset({"ModelNotReadyException", "InternalDependencyException"})


class Invocation(NamedTuple):
    """What a container answered."""

    status: int
    body: bytes
    variant: str
    """The production variant that answered; empty when `status` is no success."""


def invoke(
    runtime: "SageMakerRuntimeClient",
    endpoint: str,
    body: bytes,
    *,
    content_type: str,
    variant: str | None = None,
    inference_id: str = "",
    attributes: str = "",
) -> Invocation:
    """Send `body` to an endpoint, to one `variant` of it where one is named.

    `attributes` are SageMaker's custom ones, which the container is handed.

    Raises
    ------
    Unavailable
        SageMaker throttles, the model is starting, or the endpoint is not there or not yet.
    NotFound, AccessDenied, VisionmlError
        SageMaker refused the call itself.
    """
    optional: dict[str, Any] = {"TargetVariant": variant, "InferenceId": inference_id}
    optional["CustomAttributes"] = attributes
    with translated(f"invoke the endpoint {endpoint}"):
        try:
            answer = runtime.invoke_endpoint(
                EndpointName=endpoint,
                Body=body,
                ContentType=content_type,
                Accept="application/json",
                **{name: value for name, value in optional.items() if value},
            )
            return Invocation(200, answer["Body"].read(), answer["InvokedProductionVariant"])
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in _STARTING or _absent(error):
                raise Unavailable(f"The endpoint {endpoint} does not serve: {error}.") from error
            if code != "ModelError":
                raise
            original: dict[str, Any] = dict(error.response)
            return Invocation(
                int(original.get("OriginalStatusCode") or 500),
                str(original.get("OriginalMessage", "")).encode(),
                "",
            )


def _absent(error: ClientError) -> bool:
    """Return whether there is no endpoint, which SageMaker calls a mistake in the request."""
    message = str(error.response.get("Error", {}).get("Message", ""))
    return message.startswith("Endpoint ") and message.endswith("not found.")
