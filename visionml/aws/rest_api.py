"""REST APIs in API Gateway: their ids, stages and keys by name."""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from visionml.aws.errors import translated
from visionml.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

_DEPLOY = "Deploy the serving stack: `visionml deploy`."


class RestApi(NamedTuple):
    """A deployed REST API."""

    id: str
    stage: str

    def url(self, region: str) -> str:
        """Return the address that AWS gives it, without a final slash."""
        return f"https://{self.id}.execute-api.{region}.amazonaws.com/{self.stage}"


def find(apigateway: "APIGatewayClient", name: str) -> RestApi:
    """Return the API of that name and its stage.

    Raises
    ------
    NotFound
        There is no such API, or it is not deployed to a stage.
    """
    with translated(f"find the API {name}"):
        for page in apigateway.get_paginator("get_rest_apis").paginate():
            for found in page["items"]:
                if found["name"] == name:
                    stages = apigateway.get_stages(restApiId=found["id"])["item"]
                    if stages:
                        return RestApi(found["id"], stages[0]["stageName"])
    raise NotFound(f"There is no deployed API named {name}.", hint=_DEPLOY)


def export(apigateway: "APIGatewayClient", api: RestApi) -> dict[str, Any]:
    """Return the OpenAPI document that API Gateway makes of a stage.

    Raises
    ------
    NotFound
        There is no such stage.
    """
    with translated(f"export the API {api.id}", hint=_DEPLOY):
        answer = apigateway.get_export(
            restApiId=api.id, stageName=api.stage, exportType="oas30", accepts="application/json"
        )
        document: dict[str, Any] = json.loads(answer["body"].read())
    return document


def clear_cache(apigateway: "APIGatewayClient", api_id: str, stage: str) -> None:
    """Forget the answers that a stage keeps.

    Raises
    ------
    NotFound
        There is no such stage.
    """
    with translated(f"clear the cache of the API {api_id}", hint=_DEPLOY):
        apigateway.flush_stage_cache(restApiId=api_id, stageName=stage)


def key_value(apigateway: "APIGatewayClient", name: str) -> str:
    """Return the value of the API key of that name.

    Raises
    ------
    NotFound
        There is no such key.
    """
    with translated(f"read the API key {name}"):
        found = apigateway.get_api_keys(nameQuery=name, includeValues=True)["items"]
    for key in found:
        if key["name"] == name:
            return key["value"]
    raise NotFound(f"There is no API key named {name}.", hint=_DEPLOY)
