"""A Dockerfile's settings and copies, without Docker."""

from pathlib import Path

import pytest

from visionml.errors import InvalidInput
from visionml.local import dockerfile

_TEXT = """\
# a comment
FROM python:3.12 AS build
ENV LOST=1
FROM python:3.12
WORKDIR /opt
WORKDIR vision
ENV HOME=/opt/vision \\
    PATH=/opt/vision/bin:$PATH GREETING="good day"
ENV LEGACY the whole line
COPY --chown=root:root . /opt/vision
COPY ["notes one.txt", "extra/"]
RUN pip install everything
ENTRYPOINT ["serve", "--quiet"]
CMD run it
"""


def test_settings_come_from_the_last_stage() -> None:
    recipe = dockerfile.parse(_TEXT)
    assert recipe.workdir == "/opt/vision"
    assert recipe.environment == {
        "HOME": "/opt/vision",
        "PATH": "/opt/vision/bin:$PATH",
        "GREETING": "good day",
        "LEGACY": "the whole line",
    }
    assert recipe.copies == [
        (".", "/opt/vision"),
        ("notes one.txt", "/opt/vision/extra/"),
    ]
    assert recipe.entrypoint == ["serve", "--quiet"]
    assert recipe.command == ["/bin/sh", "-c", "run it"]


def test_a_variable_is_expanded_from_the_image_alone() -> None:
    recipe = dockerfile.parse("FROM x\nENV BASE=/opt\nENV PLACE=${BASE}/in UNSET=a$NOWHERE.b\n")
    assert recipe.environment == {"BASE": "/opt", "PLACE": "/opt/in", "UNSET": "a.b"}


@pytest.mark.parametrize(
    "line",
    [
        "COPY --from=build /x /y",
        "ADD https://example.com/x.tar /y",
        "ONBUILD RUN true",
    ],
)
def test_what_needs_docker_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput):
        dockerfile.parse(f"FROM x\n{line}\n")


def test_building_copies_contents_and_modes(tmp_path: Path) -> None:
    context, root = tmp_path / "context", tmp_path / "root"
    (context / "bin").mkdir(parents=True)
    (context / "bin" / "train").write_text("#!/bin/sh\n", encoding="utf-8")
    (context / "bin" / "train").chmod(0o755)
    (context / "one.txt").write_text("1", encoding="utf-8")
    (context / "Dockerfile").write_text(
        "FROM x\nWORKDIR /opt/it\nCOPY bin /opt/it/bin\nCOPY *.txt notes/\nCOPY one.txt two.txt\n",
        encoding="utf-8",
    )
    config = dockerfile.build(context, "Dockerfile", root)
    assert config["workdir"] == "/opt/it"
    assert (root / "opt/it/bin/train").stat().st_mode & 0o111
    assert (root / "opt/it/notes/one.txt").read_text(encoding="utf-8") == "1"
    assert (root / "opt/it/two.txt").is_file()


@pytest.mark.parametrize("source", ["missing.txt", "../outside"])
def test_copying_what_the_context_lacks_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM x\nCOPY {source} /y\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=source.strip("./")):
        dockerfile.build(tmp_path, "Dockerfile", tmp_path / "root")


def test_a_missing_dockerfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no Dockerfile"):
        dockerfile.build(tmp_path, "Dockerfile", tmp_path / "root")
