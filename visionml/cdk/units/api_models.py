"""What API Gateway is told of bodies: JSON Schema of draft 4, each model in one piece."""

import re
from collections.abc import Mapping
from typing import Any

from aws_cdk.aws_apigateway import JsonSchema, JsonSchemaType, Model, RestApi
from constructs import Construct
from pydantic import BaseModel

Schema = Mapping[str, Any]
_KEPT = ("type", "description", "enum", "required", "minLength", "minimum")
_NULL = {"type": "null"}


class Models(Construct):
    """The models of an API, each made when it is first asked for."""

    def __init__(self, scope: Construct, id: str, *, api: RestApi) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._api = api
        self._made: dict[str, Model] = {}

    def add(self, name: str, schema: Schema) -> Model:
        """Return the model of that name, by which an exported document calls it."""
        if name not in self._made:
            self._made[name] = Model(
                self,
                name,
                rest_api=self._api,
                model_name=name,
                content_type="application/json",
                description=schema.get("description"),
                schema=_structure(schema),
            )
        return self._made[name]


def schema_of(record: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a record's JSON in which fields that are None are left out."""
    found = record.model_json_schema()
    return _plain(found, found.get("$defs", {}))


def _plain(schema: Schema, known: Schema) -> dict[str, Any]:
    """Return a schema without references, and without null among its types."""
    if "$ref" in schema:
        return _plain(known[schema["$ref"].rpartition("/")[2]], known)
    choices = [each for each in schema.get("anyOf", []) if each != _NULL]
    if len(choices) == 1:
        return _plain(choices[0], known)
    plain = {name: schema[name] for name in _KEPT if name in schema}
    if "description" in plain:
        plain["description"] = plain["description"].replace("``", "`")
    if choices:
        plain["anyOf"] = [_plain(each, known) for each in choices]
    if "items" in schema:
        plain["items"] = _plain(schema["items"], known)
    more = schema.get("additionalProperties")
    if more is not None:
        plain["additionalProperties"] = more if isinstance(more, bool) else _plain(more, known)
    if "properties" in schema:
        fields = schema["properties"]
        plain["properties"] = {name: _plain(each, known) for name, each in fields.items()}
        plain["required"] = [
            name
            for name in schema.get("required", [])
            if _NULL not in fields[name].get("anyOf", [])
        ]
    return plain


def _structure(schema: Schema) -> JsonSchema:
    """Return a schema as the CDK takes it."""
    return JsonSchema(**{_snake(name): _value(name, value) for name, value in schema.items()})


def _value(name: str, value: Any) -> Any:
    if name == "type":
        return JsonSchemaType[value.upper()]
    if name == "properties":
        return {field: _structure(each) for field, each in value.items()}
    if name in {"anyOf", "oneOf"}:
        return [_structure(each) for each in value]
    if isinstance(value, Mapping):
        return _structure(value)
    return value


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)
