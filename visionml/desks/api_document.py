"""An API's OpenAPI document: what API Gateway exports, with what it cannot know."""

import json
from collections.abc import Iterator
from typing import Any, get_args

from visionml.contracts.images import UploadOrder
from visionml.contracts.inference import IMAGE_TYPES
from visionml.contracts.names import API_STAGE

Document = dict[str, Any]

VERSION = "1.0"
"""Of the API: its first number changes when callers have to change."""
_METHODS = ("get", "post", "put", "delete", "patch")  # not OPTIONS: a browser's own
_SAID_ELSEWHERE = ("x-api-key", "Content-Type", "Origin")  # by OpenAPI itself
_TAKE_IMAGES = {
    "Request": IMAGE_TYPES,
    "UploadOrder": get_args(UploadOrder.model_fields["content_type"].annotation),
}
"""The models of bodies that may be the image itself, and of which types, which no model says."""
_ANYWHERE: Document = {
    "url": f"https://{{api}}.execute-api.{{region}}.amazonaws.com/{API_STAGE}",
    "variables": {"api": {"default": "api-id"}, "region": {"default": "us-east-1"}},
}


def completed(exported: Document, *, title: str, url: str = "") -> Document:
    """Return the document of the deployment at `url`, or of any if there is none."""
    paths = {
        path: {method: _operation(item[method]) for method in _METHODS if method in item}
        for path, item in sorted(exported["paths"].items())
    }
    paths = {path: item for path, item in paths.items() if item}
    components = exported["components"]
    schemas = components.get("schemas", {})
    return {
        "openapi": exported["openapi"],
        "info": {
            "title": title,
            "description": exported["info"].get("description", ""),
            "version": VERSION,
        },
        "servers": [{"url": url} if url else _ANYWHERE],
        "paths": paths,
        "components": {
            "schemas": {name: _schema(schemas[name]) for name in sorted(set(_used(paths)))},
            "securitySchemes": components["securitySchemes"],
        },
    }


def written(document: Document) -> str:
    """Return the text of a document's file."""
    return f"{json.dumps(document, indent=2)}\n"


def _operation(exported: Document) -> Document:
    operation: Document = {"operationId": exported["operationId"]}
    parameters = [
        {name: value for name, value in each.items() if (name, value) != ("required", False)}
        for each in exported.get("parameters", [])
        if each["name"] not in _SAID_ELSEWHERE
    ]
    if parameters:
        operation["parameters"] = sorted(parameters, key=lambda each: each["name"])
    if "requestBody" in exported:
        content = dict(exported["requestBody"]["content"])
        image = {"schema": {"type": "string", "format": "binary"}}
        for name in list(_used(content)):
            content |= dict.fromkeys(_TAKE_IMAGES.get(name, ()), image)
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = dict(sorted(exported["responses"].items()))
    operation["security"] = exported["security"]
    return operation


def _schema(exported: Document) -> Document:
    return {name: value for name, value in exported.items() if name != "$schema"}


def _used(part: Any) -> Iterator[str]:
    """Yield the schemas that a part of a document refers to, by name."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for each in part.values():
            yield from _used(each)
