# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""API Gateway's REST APIs: the checks before a call."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import apigateway_v1
from ministack.services.cloudformation import provisioners

from visionml.local.internals.stacks import (
    Properties,
    Provisioned,
    register_resource_type,
)


def match_request_models() -> None:
    """Check an API request against the model of its own content type, or ``$default``'s.

    AWS does not check a content type that has no model; MiniStack takes the JSON model for it.
    """
    check = apigateway_v1._check_request_validation

    @functools.wraps(check)
    def wrapped(method: Mapping[str, Any], api_id: str, request: Any, *rest: Any) -> Any:
        headers = {str(key).lower(): value for key, value in rest[0].items()}
        content_type = headers.get("content-type", "application/json").split(";", 1)[0].strip()
        models = method.get("requestModels") or {}
        model = models.get(content_type) or models.get("$default")
        chosen = {"application/json": model} if model else {}
        return check({**method, "requestModels": chosen}, api_id, request, *rest)

    apigateway_v1._check_request_validation = wrapped


def create_request_validators() -> None:
    """Make request validators and a method's reference to one; MiniStack's stacks drop both."""

    def create(_logical_id: str, properties: Properties, _stack: str) -> Provisioned:
        made = apigateway_v1._create_request_validator(
            properties["RestApiId"],
            {
                "name": properties.get("Name", ""),
                "validateRequestBody": _flag(properties, "ValidateRequestBody"),
                "validateRequestParameters": _flag(properties, "ValidateRequestParameters"),
            },
        )
        validator = json.loads(made[2])["id"]
        return Provisioned(validator, {"RequestValidatorId": validator})

    def update(validator: str, _old: Properties, new: Properties, _stack: str) -> Provisioned:
        changes = [
            {
                "op": "replace",
                "path": f"/{name[0].lower()}{name[1:]}",
                "value": str(_flag(new, name)).lower(),
            }
            for name in ("ValidateRequestBody", "ValidateRequestParameters")
        ]
        apigateway_v1._update_request_validator(
            new["RestApiId"], validator, {"patchOperations": changes}
        )
        return Provisioned(validator, {"RequestValidatorId": validator})

    def delete(validator: str, properties: Properties) -> None:
        apigateway_v1._delete_request_validator(properties["RestApiId"], validator)

    register_resource_type(
        "AWS::ApiGateway::RequestValidator",
        create=create,
        update=update,
        delete=delete,
        replaced_by=("RestApiId", "Name"),
        tags=None,
    )
    handler = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Method"]
    handler |= {name: _referring(handler[name], at) for name, at in (("create", 1), ("update", 2))}


def _referring(provision: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Return a method's provisioner that also sets the validator; `at` is the properties' place."""

    @functools.wraps(provision)
    def wrapped(*args: Any) -> Any:
        made, properties = provision(*args), args[at]
        change = {
            "op": "replace",
            "path": "/requestValidatorId",
            "value": properties.get("RequestValidatorId"),
        }
        apigateway_v1._update_method(
            properties["RestApiId"],
            properties["ResourceId"],
            properties["HttpMethod"],
            {"patchOperations": [change]},
        )
        return made

    return wrapped


def _flag(properties: Properties, name: str) -> bool:
    return str(properties.get(name, False)).lower() == "true"
