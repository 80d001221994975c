"""The sample digits."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from visionml.contracts.inference import INLINE_IMAGE_BYTES
from visionml.dataset.samples import enlarged, grey_png, photograph, write_digits
from visionml.imaging.header import read_header
from visionml.imaging.inspect import inspect
from visionml.imaging.model_input import pixels

README = Path(__file__).parents[3] / "data_samples" / "README.md"
EXAMPLES = README.parent / "examples"


def test_every_machine_writes_the_same_bytes(tmp_path: Path) -> None:
    folder = write_digits(tmp_path / "digits")
    files = sorted(folder.rglob("*.png"))
    joined = b"".join(
        path.relative_to(folder).as_posix().encode() + path.read_bytes() for path in files
    )
    assert len(files) == 1797
    assert hashlib.sha256(joined).hexdigest().startswith("32666bedf48bc3a0")


def test_some_digits_can_be_written_dimmed(tmp_path: Path) -> None:
    folder = write_digits(tmp_path / "dim", digits=(0, 1), brightness=0.25)
    bright = write_digits(tmp_path / "bright", digits=(1,))
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1"]
    name = "1/digit-0001.png"
    scans = [pixels((each / name).read_bytes(), height=8, width=8) for each in (folder, bright)]
    assert scans[0].max() == 64
    assert np.abs(scans[0] * 4.0 - scans[1]).max() <= 4


def test_writing_again_leaves_whole_files_alone_and_mends_broken_ones(tmp_path: Path) -> None:
    write_digits(tmp_path)
    whole, broken = tmp_path / "0/digit-0000.png", tmp_path / "1/digit-0001.png"
    content, written = broken.read_bytes(), whole.stat().st_mtime_ns
    broken.write_bytes(b"")
    write_digits(tmp_path)
    assert broken.read_bytes() == content
    assert whole.stat().st_mtime_ns == written


def test_a_png_holds_the_pixels_it_was_made_of() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    data = grey_png(image)
    facts = inspect(data)
    assert (facts.format, facts.width, facts.height) == ("png", 8, 8)
    assert np.array_equal(pixels(data, height=8, width=8), np.repeat(image[..., None], 3, axis=2))


def test_the_readme_states_the_counts_of_each_digit(tmp_path: Path) -> None:
    write_digits(tmp_path)
    counts = [len(list((tmp_path / str(digit)).iterdir())) for digit in range(10)]
    assert "| images | " + " | ".join(map(str, counts)) + " |" in README.read_text()


def test_the_examples_are_images_of_the_set(tmp_path: Path) -> None:
    write_digits(tmp_path)
    for digit in range(10):
        first = min((tmp_path / str(digit)).iterdir())
        assert (EXAMPLES / f"{digit}.png").read_bytes() == first.read_bytes()


def test_a_photograph_becomes_as_large_as_a_camera_makes_them() -> None:
    large = enlarged(photograph(), megapixels=12)
    header = read_header(large)
    assert header.format == "jpeg"
    assert header.width / header.height == pytest.approx(640 / 427, rel=0.01)
    assert header.width * header.height == pytest.approx(12e6, rel=0.01)
    assert len(large) > INLINE_IMAGE_BYTES
