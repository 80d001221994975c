"""What a name becomes that somebody gave a file, before it is part of a key."""

import pytest

from visionml.contracts.layout import safe_name, upload


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cat.jpg", "cat.jpg"),
        ("../../Mäuse und Katzen.JPG", "M-use-und-Katzen.JPG"),
        ("..\\..\\windows\\cat.png", "cat.png"),
        ("..", "image"),
        ("", "image"),
        ("猫", "image"),
        ("\udcff.jpg", "jpg"),
        ("cat\r\nx-amz-meta-user: u.jpg", "cat-x-amz-meta-user-u.jpg"),
    ],
)
def test_only_plain_letters_of_a_name_reach_a_key(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["a" * 1024, "a." + "b" * 1024, "ß." * 512])
def test_a_key_of_a_long_name_is_one_that_s3_takes(name: str) -> None:
    key = upload("0" * 64, name)
    assert len(key.encode()) <= 256
    assert key.startswith("uploads/0000")
    assert key.count("/") == 2
