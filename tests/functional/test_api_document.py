"""The document that the deployed API exports, and whether the API keeps to it."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)
from typer.testing import CliRunner

from tests.fakes import pictures
from tests.functional.platform import Deployed
from visionml.cli.main import app
from visionml.contracts.inference import HASH_HEADER, IMAGE_TYPES
from visionml.desks.api_document import written
from visionml.local.state import Project, State

EXAMPLES = 15
FILE = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_document_in_docs_is_what_the_deployed_api_exports(platform: Deployed) -> None:
    exported = platform.session.api.openapi(anywhere=True)
    assert FILE.read_text(encoding="utf-8") == written(exported), (
        "Run `visionml api export --anywhere --output docs/openapi.json`."
    )


def test_the_command_writes_the_document(
    platform: Deployed, local_project: Project, tmp_path: Path
) -> None:
    target = tmp_path / "openapi.json"
    with contextlib.chdir(local_project.folder.parent):
        arguments = ["api", "export", "--anywhere", "--output", str(target), "--json"]
        told = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert json.loads(told.stdout)["output"] == str(target)
    document = platform.session.api.openapi(anywhere=True)
    assert target.read_text(encoding="utf-8") == written(document)


def test_api_gateway_exports_as_it_does_on_aws(platform: Deployed) -> None:
    api = platform.session.api
    gateway: Any = platform.session.aws.client("apigateway")
    found = next(
        each
        for each in gateway.get_rest_apis()["items"]
        if each["name"] == platform.session.names.api
    )
    answer = gateway.get_export(restApiId=found["id"], stageName="live", exportType="oas30")
    exported = json.loads(answer["body"].read())
    assert exported["info"]["title"] == found["name"]
    assert exported["info"]["version"].endswith("Z")
    (server,) = exported["servers"]
    assert server["url"].endswith("amazonaws.com/{basePath}")
    assert server["variables"] == {"basePath": {"default": "/live"}}
    assert api.openapi()["servers"] == [{"url": api.url}]


OPERATIONS = [
    (path, method)
    for path, item in json.loads(FILE.read_text(encoding="utf-8"))["paths"].items()
    for method in item
]
PICTURE = pictures.encoded(pictures.corners(), "PNG")
EXCLUDED: dict[GenerationMode, list[Any]] = {
    # no schema says which bytes are an image, nor which ids were given out
    GenerationMode.POSITIVE: [positive_data_acceptance, negative_data_rejection],
    GenerationMode.NEGATIVE: [positive_data_acceptance],
}
SENT = st.sampled_from([None, PICTURE, PICTURE[:60], PICTURE + b"tail"])
"""Bodies instead of generated ones, where images are taken."""


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.usefixtures("promoted")
def test_the_api_keeps_to_its_document(
    platform: Deployed, aws_local: State, path: str, method: str, mode: GenerationMode
) -> None:
    api = platform.session.api
    operation = openapi.from_dict(api.openapi())[path][method]
    session = requests.Session()

    @given(case=operation.as_strategy(mode), picture=SENT)
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def asked(case: Case[Any], picture: bytes | None) -> None:
        takes_images = case.media_type in IMAGE_TYPES and mode == GenerationMode.POSITIVE
        if picture is not None and takes_images:
            case.body = picture
            case.headers[HASH_HEADER] = hashlib.sha256(picture).hexdigest()
        case.call_and_validate(
            api.url,
            session,
            headers={"x-api-key": api.key},
            verify=aws_local.ca_bundle,
            excluded_checks=EXCLUDED[mode],
        )

    asked()
