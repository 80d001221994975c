"""Finding the image that a URI names, in an embedded registry."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from visionml.errors import NotFound
from visionml.local import images, ministack
from visionml.local.dockerfile import CONFIG_NOTE, ROOT_NOTE

_REGISTRY = "000000000000.dkr.ecr.us-east-1.amazonaws.com"


def _ecr(action: str, **parameters: Any) -> dict[str, Any]:
    status, _, body = asyncio.run(
        ministack.call_api(
            "ecr",
            "POST",
            "/",
            body=json.dumps(parameters).encode(),
            target=f"AmazonEC2ContainerRegistry_V20150921.{action}",
        )
    )
    assert status == 200
    answer: dict[str, Any] = json.loads(body)
    return answer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "opt/vision/bin").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def digest(root: Path, request: pytest.FixtureRequest) -> str:
    """Push an image with tag ``one`` to a repository named for the test; return its digest."""
    repository = request.node.name.replace("_", "-")
    _ecr("CreateRepository", repositoryName=repository)
    config = {
        "workdir": "/opt/vision",
        "environment": {
            "PATH": "/opt/vision/bin:$PATH",
            "PYTHONPATH": "/opt/vision",
            "HOST": "http://example.com:80",
        },
        "entrypoint": ["/opt/vision/bin", "--port", "8080"],
        "command": [],
    }
    manifest = {"annotations": {ROOT_NOTE: str(root), CONFIG_NOTE: json.dumps(config)}}
    pushed = _ecr(
        "PutImage",
        repositoryName=repository,
        imageTag="one",
        imageManifest=json.dumps(manifest),
    )
    return str(pushed["image"]["imageId"]["imageDigest"])


def test_paths_of_the_image_become_paths_of_this_machine(digest: str, root: Path) -> None:
    name = "test-paths-of-the-image-become-paths-of-this-machine"
    image = images.resolve(f"{_REGISTRY}/{name}:one")
    assert image == images.resolve(f"{_REGISTRY}/{name}@{digest}")
    assert (image.root, image.workdir) == (root, root / "opt/vision")
    path = image.environment["PATH"].split(":")
    assert path[:2] == [str(root / "opt/vision/bin"), str(Path(sys.executable).parent)]
    assert image.environment["PYTHONPATH"] == str(root / "opt/vision")
    assert image.environment["HOST"] == "http://example.com:80"
    assert image.entrypoint == (str(root / "opt/vision/bin"), "--port", "8080")


@pytest.mark.parametrize(
    "uri",
    [
        f"{_REGISTRY}/no-such-repository:one",
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8",
        "000000000000.dkr.ecr.eu-west-1.amazonaws.com/elsewhere:one",
        "python:3.12",
        "",
    ],
)
def test_an_image_the_registry_lacks_is_not_found(uri: str) -> None:
    with pytest.raises(NotFound):
        images.resolve(uri)


def test_an_image_whose_files_are_gone_is_not_found(digest: str, root: Path) -> None:
    (root / "opt/vision/bin").rmdir()
    (root / "opt/vision").rmdir()
    (root / "opt").rmdir()
    root.rmdir()
    with pytest.raises(NotFound):
        images.resolve(f"{_REGISTRY}/test-an-image-whose-files-are-gone-is-not-found:one")
