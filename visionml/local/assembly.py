"""A CDK cloud assembly, as ``cdk.out`` holds it: stacks in the order of their needs, and assets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from visionml.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class FileAsset:
    """A file or folder that a template names by bucket and key."""

    source: Path
    zipped: bool
    bucket: str
    key: str


@dataclass(frozen=True)
class ImageAsset:
    """A Docker build context whose image a template names by repository and tag."""

    context: Path
    dockerfile: str
    repository: str
    tag: str


@dataclass(frozen=True)
class Stack:
    """A stack to deploy."""

    name: str
    template: Path
    template_bucket: str
    template_key: str
    tags: Mapping[str, str]

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the template's resources by logical id."""
        body: dict[str, dict[str, Any]] = json.loads(self.template.read_text(encoding="utf-8"))
        return body.get("Resources", {})


@dataclass(frozen=True)
class Assembly:
    """What an app was synthesised to."""

    stacks: tuple[Stack, ...]
    """Each after the stacks it depends on."""
    files: tuple[FileAsset, ...]
    images: tuple[ImageAsset, ...]


def read(folder: Path) -> Assembly:
    """Read a synthesised app.

    Raises
    ------
    NotFound
        The folder holds no ``manifest.json``.
    InvalidInput
        Its manifest, or a file it names, cannot be read.
    """
    try:
        artifacts = _json(folder / "manifest.json")["artifacts"]
        stacks = {
            name: (_stack(folder, artifact), artifact.get("dependencies", []))
            for name, artifact in artifacts.items()
            if artifact["type"] == "aws:cloudformation:stack"
        }
        manifests = [
            _json(folder / artifact["properties"]["file"])
            for artifact in artifacts.values()
            if artifact["type"] == "cdk:asset-manifest"
        ]
        order = TopologicalSorter(
            {
                name: [need for need in needs if need in stacks]
                for name, (_, needs) in stacks.items()
            }
        )
        return Assembly(
            tuple(stacks[name][0] for name in order.static_order()),
            tuple(dict.fromkeys(_files(folder, manifests))),
            tuple(dict.fromkeys(_images(folder, manifests))),
        )
    except FileNotFoundError as error:
        raise NotFound(
            f"{error.filename} does not exist.", hint="Synthesise first: `visionml synth`."
        ) from error
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise InvalidInput(
            f"{folder} is not a cloud assembly that can be read: {error!r}.",
            hint="Synthesise again: `visionml synth`.",
        ) from error


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _stack(folder: Path, artifact: Mapping[str, Any]) -> Stack:
    properties = artifact["properties"]
    bucket, _, key = properties["stackTemplateAssetObjectUrl"].removeprefix("s3://").partition("/")
    return Stack(
        properties["stackName"],
        folder / properties["templateFile"],
        bucket,
        key,
        properties.get("tags", {}),
    )


def _files(folder: Path, manifests: list[dict[str, Any]]) -> list[FileAsset]:
    return [
        FileAsset(
            folder / asset["source"]["path"],
            asset["source"]["packaging"] == "zip",
            destination["bucketName"],
            destination["objectKey"],
        )
        for manifest in manifests
        for asset in manifest.get("files", {}).values()
        for destination in asset["destinations"].values()
    ]


def _images(folder: Path, manifests: list[dict[str, Any]]) -> list[ImageAsset]:
    return [
        ImageAsset(
            folder / asset["source"]["directory"],
            asset["source"].get("dockerFile", "Dockerfile"),
            destination["repositoryName"],
            destination["imageTag"],
        )
        for manifest in manifests
        for asset in manifest.get("dockerImages", {}).values()
        for destination in asset["destinations"].values()
    ]
