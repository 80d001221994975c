"""The program that a function from an image becomes."""

import subprocess
from pathlib import Path

import pytest

from visionml.local.image_functions import bootstrap
from visionml.local.images import Image


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """An image whose program prints where it is and what it was given."""
    root = tmp_path / "an image's root"
    for folder in ("opt/vision", "srv"):
        (root / folder).mkdir(parents=True)
    show = ("/bin/sh", "-c", 'echo "$PWD|$GREETING|$PYTHONPATH|$0 $*"')
    return Image(root, root / "opt/vision", {"GREETING": "it's me"}, show, ("image",))


def run(program: str, folder: Path) -> str:
    file = folder / "bootstrap"
    file.write_text(program)
    file.chmod(0o755)
    done = subprocess.run(
        [file], env={"PYTHONPATH": "/server"}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_it_runs_as_the_image_says(image: Image, tmp_path: Path) -> None:
    assert run(bootstrap(image, {}, {}), tmp_path) == f"{image.workdir}|it's me||image"


def test_the_functions_settings_go_before_the_images(image: Image, tmp_path: Path) -> None:
    config = {"Command": ["one handler"], "WorkingDirectory": "/srv"}
    variables = {"GREETING": "hello", "PYTHONPATH": "/mine"}
    program = bootstrap(image, config, variables)
    where = image.root / "srv"
    assert run(program, tmp_path) == f"{where}|hello|/mine|one handler"
    program = bootstrap(image, {"EntryPoint": ["echo"], "Command": ["a", "b"]}, {})
    assert run(program, tmp_path) == "a b"


def test_a_folder_that_the_image_does_not_have_ends_it(image: Image, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(bootstrap(image, {"WorkingDirectory": "/gone"}, {}), tmp_path)
