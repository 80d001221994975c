"""The image that prepares, trains, evaluates, serves and runs batches."""

import ast
import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

IMAGE = Path(__file__).parents[3] / "infra" / "images" / "vision"
LINES = (IMAGE / "requirements.txt").read_text().splitlines()
PINS = dict(re.split(r"(?:\[\w+\])?==", line) for line in LINES if re.match(r"\w", line))


@pytest.mark.parametrize("package", PINS)
def test_the_image_runs_the_versions_that_are_tested_here(package: str) -> None:
    assert PINS[package].partition("+")[0] == version(package).partition("+")[0]


@pytest.mark.parametrize("command", ["batch", "evaluate", "prepare", "train"])
def test_a_command_is_executable_and_calls_one_function(command: str) -> None:
    path = IMAGE / "bin" / command
    tree = ast.parse(path.read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env python3\n")
    assert [(node.module or "").split(".")[0] for node in imports] == ["visionml"]


def test_the_base_image_is_pinned_to_a_patch_release() -> None:
    dockerfile = (IMAGE / "Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.12\.\d+-slim-\w+$", dockerfile, re.MULTILINE)
