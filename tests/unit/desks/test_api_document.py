"""What is made of the document that API Gateway exports."""

import json

from visionml.desks.api_document import Document, completed, written

TITLE = "An API"


def reference(name: str) -> Document:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def header(name: str, **more: bool) -> Document:
    return {"name": name, "in": "header", "schema": {"type": "string"}, **more}


EXPORTED: Document = {
    "openapi": "3.0.1",
    "info": {"title": "api-local", "description": "Predictions.", "version": "2026-11-20"},
    "servers": [{"url": "https://a1.execute-api.us-east-1.amazonaws.com/{basePath}"}],
    "paths": {
        "/uploads": {
            "options": {"responses": {"204": {"description": "204 response"}}},
            "post": {
                "operationId": "upload",
                "requestBody": {"content": reference("UploadRequest")},
                "responses": {"201": {"description": "201 response"}},
                "security": [{"api_key": []}],
            },
        },
        "/inference": {
            "post": {
                "operationId": "predict",
                "parameters": [
                    header("x-model-version", required=False),
                    header("x-image-sha256", required=True),
                    header("x-api-key"),
                    header("Content-Type"),
                ],
                "requestBody": {"content": reference("Request")},
                "responses": {
                    "400": {"description": "400 response", "content": reference("ErrorBody")},
                    "200": {"description": "200 response", "content": reference("Prediction")},
                },
                "security": [{"api_key": []}],
            }
        },
    },
    "components": {
        "schemas": {
            name: {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}
            for name in ("UploadRequest", "Request", "Prediction", "ErrorBody", "Empty")
        },
        "securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
    },
}


def test_an_image_may_be_sent_as_it_is_where_json_may_hold_one() -> None:
    paths = completed(EXPORTED, title=TITLE)["paths"]
    content = paths["/inference"]["post"]["requestBody"]["content"]
    assert content["image/png"] == {"schema": {"type": "string", "format": "binary"}}
    assert set(paths["/uploads"]["post"]["requestBody"]["content"]) == {"application/json"}


def test_what_is_said_elsewhere_is_not_said_again() -> None:
    paths = completed(EXPORTED, title=TITLE)["paths"]
    assert paths["/inference"]["post"]["parameters"] == [
        header("x-image-sha256", required=True),
        header("x-model-version"),
    ]
    assert "options" not in paths["/uploads"]


def test_schemas_that_nothing_refers_to_are_left_out() -> None:
    schemas = completed(EXPORTED, title=TITLE)["components"]["schemas"]
    assert list(schemas) == ["ErrorBody", "Prediction", "Request", "UploadRequest"]
    assert schemas["Prediction"] == {"type": "object"}


def test_a_document_names_its_deployment_or_none() -> None:
    here = completed(EXPORTED, title=TITLE, url="https://here/live")
    anywhere = completed(EXPORTED, title=TITLE)
    assert here["servers"] == [{"url": "https://here/live"}]
    assert "a1" not in written(anywhere)
    assert {**here, "servers": []} == {**anywhere, "servers": []}
    assert json.loads(written(here)) == here


def test_uploads_may_be_images_of_the_types_that_may_be_announced() -> None:
    body = {"requestBody": {"content": reference("UploadOrder")}}
    upload = {"post": {**EXPORTED["paths"]["/uploads"]["post"], **body}}
    document = completed(
        {**EXPORTED, "paths": {"/upload": upload}}
        | {
            "components": {
                "schemas": {name: {"type": "object"} for name in ("UploadOrder", "ErrorBody")},
                "securitySchemes": {},
            }
        },
        title=TITLE,
    )
    content = document["paths"]["/upload"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "image/jpeg", "image/png", "image/webp"}
