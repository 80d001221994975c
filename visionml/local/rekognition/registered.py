"""Which model answers DetectLabels: a file in the project's folder, read at every request."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visionml.errors import InvalidInput
from visionml.local.state import Project, write_private


class Labeller(BaseModel):
    """A registered model."""

    model_config = ConfigDict(frozen=True)

    artefact: str = Field(pattern=r"^s3://[^/]+/.+$")
    """The address of a ``model.tar.gz``, as training leaves it."""
    version: str = Field(min_length=1, max_length=256)
    """What answers name, as ``visionml-VERSION``."""


def register(project: Project, *, artefact: str, version: str) -> Labeller:
    """Let a model label pictures from now on; its classes are the labels' names.

    Raises
    ------
    InvalidInput
        The artefact is not an address in S3, or the version is empty.
    """
    try:
        labeller = Labeller(artefact=artefact, version=version)
    except ValidationError as error:
        raise InvalidInput(
            f"A model is registered by an address and a version, not by {artefact!r} and "
            f"{version!r}.",
            hint="Name s3://BUCKET/KEY of a model.tar.gz, and its version.",
        ) from error
    project.prepare()
    write_private(_file(project), labeller.model_dump_json(indent=2))
    return labeller


def registered(project: Project) -> Labeller | None:
    """Return the registered model; None where there is none."""
    try:
        return Labeller.model_validate_json(_file(project).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _file(project: Project) -> Path:
    return project.folder / "rekognition.json"
