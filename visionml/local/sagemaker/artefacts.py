"""Model artefacts: ``model.tar.gz`` in S3, unpacked into a folder of an instance."""

import io
import tarfile
from pathlib import Path

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.objects import DataRefused, Location, Objects


class ArtefactRefused(Exception):
    """An artefact cannot be had, or is no archive."""


def unpack(cloud: Cloud, role: str, source: Location, folder: Path) -> None:
    """Read an archive as a role and unpack it into a folder, and nowhere else.

    Raises
    ------
    ArtefactRefused
        The role may not read it, there is none, or it is no sound archive.
    """
    objects = Objects(cloud.session(role, "SageMaker"), role)
    try:
        with tarfile.open(fileobj=io.BytesIO(objects.read(source))) as archive:
            archive.extractall(folder, filter="data")
    except (DataRefused, tarfile.TarError) as error:
        raise ArtefactRefused(str(error)) from error
