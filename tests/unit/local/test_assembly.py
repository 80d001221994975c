"""Reading a cloud assembly, and making equal zips of equal folders."""

import json
from pathlib import Path
from typing import Any

import pytest

from visionml.errors import InvalidInput, NotFound
from visionml.local import assembly, assets


def _stack(name: str, *needs: str) -> dict[str, Any]:
    return {
        "type": "aws:cloudformation:stack",
        "dependencies": [*needs, f"{name}.assets"],
        "properties": {
            "stackName": f"stack-{name}",
            "templateFile": f"{name}.template.json",
            "stackTemplateAssetObjectUrl": f"s3://bucket/{name}.json",
            "tags": {"Project": "visionml"},
        },
    }


def _manifest(folder: Path, artifacts: dict[str, Any]) -> None:
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}), encoding="utf-8")


def test_stacks_come_after_the_stacks_they_need(tmp_path: Path) -> None:
    _manifest(tmp_path, {"c": _stack("c", "b", "a"), "b": _stack("b", "a"), "a": _stack("a")})
    found = assembly.read(tmp_path)
    assert [stack.name for stack in found.stacks] == ["stack-a", "stack-b", "stack-c"]
    assert found.stacks[0].template_bucket == "bucket"
    assert found.stacks[0].template_key == "a.json"


def test_an_asset_of_two_stacks_is_published_once(tmp_path: Path) -> None:
    files = {
        "files": {
            "1": {
                "source": {"path": "code", "packaging": "zip"},
                "destinations": {"x": {"bucketName": "bucket", "objectKey": "1.zip"}},
            }
        },
        "dockerImages": {
            "2": {
                "source": {"directory": "context", "dockerFile": "a/Dockerfile"},
                "destinations": {"x": {"repositoryName": "repository", "imageTag": "2"}},
            }
        },
    }
    for name in ("a", "b"):
        (tmp_path / f"{name}.assets.json").write_text(json.dumps(files), encoding="utf-8")
    _manifest(
        tmp_path,
        {
            f"{name}.assets": {
                "type": "cdk:asset-manifest",
                "properties": {"file": f"{name}.assets.json"},
            }
            for name in ("a", "b")
        },
    )
    found = assembly.read(tmp_path)
    assert found.files == (assembly.FileAsset(tmp_path / "code", True, "bucket", "1.zip"),)
    assert found.images == (
        assembly.ImageAsset(tmp_path / "context", "a/Dockerfile", "repository", "2"),
    )


def test_a_folder_without_an_assembly_says_to_synthesise(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="visionml synth"):
        assembly.read(tmp_path)
    (tmp_path / "manifest.json").write_text('{"version": "1"}', encoding="utf-8")
    with pytest.raises(InvalidInput, match="visionml synth"):
        assembly.read(tmp_path)


def test_equal_folders_make_equal_zips(tmp_path: Path) -> None:
    for order, name in ((("a", "b"), "one"), (("b", "a"), "two")):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        for file in order:
            (folder / "sub" / file).write_text(file, encoding="utf-8")
    (tmp_path / "two" / "sub" / "a").touch()
    assert assets.zip_folder(tmp_path / "one") == assets.zip_folder(tmp_path / "two")
    (tmp_path / "two" / "sub" / "a").chmod(0o755)
    assert assets.zip_folder(tmp_path / "one") != assets.zip_folder(tmp_path / "two")
