"""The documents that the deployed APIs export, and whether the APIs keep to them."""

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
from tests.functional.waiting import until
from visionml.cli.main import app
from visionml.contracts.inference import HASH_HEADER, IMAGE_TYPES
from visionml.desks.api import Api
from visionml.desks.api_access import ApiAccess
from visionml.desks.api_document import written
from visionml.local.state import Project, State

EXAMPLES = 15
DOCS = Path(__file__).parents[2] / "docs"
FILES = {"inference": DOCS / "openapi.json", "images": DOCS / "openapi-images.json"}
"""By the name that the command line has for the API."""
each_api = pytest.mark.parametrize("name", FILES)


def described(platform: Deployed, name: str) -> Api | ApiAccess:
    return platform.session.images.api if name == "images" else platform.session.api


@each_api
def test_the_document_in_docs_is_what_the_deployed_api_exports(
    platform: Deployed, name: str
) -> None:
    exported = described(platform, name).openapi(anywhere=True)
    assert FILES[name].read_text(encoding="utf-8") == written(exported), (
        f"Run `visionml api export --api {name} --anywhere --output docs/{FILES[name].name}`."
    )


@each_api
def test_the_command_writes_the_document(
    platform: Deployed, local_project: Project, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "openapi.json"
    with contextlib.chdir(local_project.folder.parent):
        arguments = ["api", "export", "--api", name, "--anywhere", "--output", str(target)]
        told = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(told.stdout)["output"] == str(target)
    document = described(platform, name).openapi(anywhere=True)
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
    (name, path, method)
    for name, file in FILES.items()
    for path, item in json.loads(file.read_text(encoding="utf-8"))["paths"].items()
    for method in item
]
PICTURE = pictures.encoded(pictures.corners(), "PNG")
EXCLUDED: dict[GenerationMode, list[Any]] = {
    # no schema says which bytes are an image, nor which ids were given out
    GenerationMode.POSITIVE: [positive_data_acceptance, negative_data_rejection],
    GenerationMode.NEGATIVE: [positive_data_acceptance],
}
SENT = {
    "inference": st.sampled_from([None, PICTURE, PICTURE[:60], PICTURE + b"tail"]),
    # intake refuses all of these, later: a good one would keep the detector busy for nothing
    "images": st.sampled_from([None, PICTURE[:60]]),
}
"""Bodies instead of generated ones, where images are taken."""


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("name", "path", "method"), OPERATIONS)
def test_the_api_keeps_to_its_document(
    request: pytest.FixtureRequest, name: str, path: str, method: str, mode: GenerationMode
) -> None:
    if name == "inference":
        request.getfixturevalue("promoted")
    platform, state = map(request.getfixturevalue, ("platform", "aws_local"))
    api = described(platform, name)
    operation = openapi.from_dict(api.openapi())[path][method]
    session = requests.Session()

    @given(case=operation.as_strategy(mode), picture=SENT[name])
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
            verify=state.ca_bundle,
            excluded_checks=EXCLUDED[mode],
        )

    asked()


def test_what_the_images_api_tells_of_an_image_is_as_described(
    platform: Deployed, aws_local: State
) -> None:
    api = platform.session.images.api
    document = openapi.from_dict(api.openapi())
    taken = api.ask("POST", "/upload", PICTURE[:60], headers={"content-type": "image/png"})
    image = taken.body["image_id"]
    until(lambda: api.ask("GET", f"/images/{image}").status == 200)
    for path, called in {
        "/images/{id}": f"/images/{image}",
        "/images": "/images?status=refused",
    }.items():
        answer = requests.get(
            api.url + called,
            headers={"x-api-key": api.key},
            verify=aws_local.ca_bundle or True,
            timeout=30,
        )
        assert image in answer.text
        document[path]["get"].validate_response(answer)
