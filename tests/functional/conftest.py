"""One embedded AWS for all functional tests of a pytest process, in a project folder of its own."""

from collections.abc import Iterator

import pytest

from tests.functional.platform import another, platform, promoted, trained
from visionml.aws.session import Aws
from visionml.local import control, processes
from visionml.local.state import FOLDER, Project, State

__all__ = ["another", "aws", "aws_local", "local_project", "platform", "promoted", "trained"]


@pytest.fixture(scope="session")
def local_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The shared embedded AWS's folder."""
    return Project(tmp_path_factory.mktemp("project") / FOLDER)


@pytest.fixture(scope="session")
def aws_local(local_project: Project) -> Iterator[State]:
    """The shared embedded AWS; tests must give their resources names of their own."""
    yield control.up(local_project)
    control.down(local_project)
    assert processes.of_project(local_project.folder) == []


@pytest.fixture(scope="session")
def aws(aws_local: State) -> Aws:
    """Clients of the shared embedded AWS, as its administrator."""
    return aws_local.connect()
