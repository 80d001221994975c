"""The folder ``.visionml/``: where this project's embedded AWS is, and what it keeps on disk."""

import os
import secrets
import shutil
import string
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from visionml.errors import MachineUnfit, NotFound

if TYPE_CHECKING:
    from visionml.aws.session import Aws

FOLDER = ".visionml"
REGION = "us-east-1"
ACCOUNT = "000000000000"
MARK = "VISIONML_LOCAL_FOLDER"
"""The environment variable by which a server's processes are told from everybody else's."""
LEAST_FREE_BYTES = 1024**3


@dataclass(frozen=True)
class Project:
    """One copy of the project; each has an embedded AWS of its own."""

    folder: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Project":
        """Return the project around a folder, by default the working directory.

        It is the nearest folder upwards that has a ``.visionml`` or a ``pyproject.toml``, or else
        the working directory itself.
        """
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / FOLDER).is_dir() or (folder / "pyproject.toml").is_file():
                return cls(folder / FOLDER)
        return cls(here / FOLDER)

    @property
    def state_file(self) -> Path:
        """What `read` reads."""
        return self.folder / "state.json"

    @property
    def credentials_file(self) -> Path:
        """The administrator's access key; it outlives a server, so that exports stay valid."""
        return self.folder / "credentials.json"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.folder / "server.log"

    @property
    def calls(self) -> Path:
        """What `visionml.local.calls` records."""
        return self.folder / "calls.jsonl"

    @property
    def tls(self) -> Path:
        """The certificates."""
        return self.folder / "tls"

    @property
    def temporary(self) -> Path:
        """The server's and its children's temporary folder; emptied when it starts."""
        return self.folder / "tmp"

    @property
    def images(self) -> Path:
        """The container images that were published."""
        return self.folder / "images"

    @property
    def containers(self) -> Path:
        """The file systems of running jobs and endpoints."""
        return self.folder / "containers"

    def prepare(self) -> None:
        """Create the folder.

        Raises
        ------
        MachineUnfit
            The disk has less than 1 GiB left, or the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise MachineUnfit(
                f"{self.folder} cannot be written: {error.strerror or error}.",
                hint="Make room or grant the right, or work in a folder of your own.",
            ) from error
        if free < LEAST_FREE_BYTES:
            raise MachineUnfit(
                f"The disk of {self.folder} has {free / 1024**2:.0f} MiB left; the embedded AWS "
                f"needs {LEAST_FREE_BYTES / 1024**2:.0f} MiB.",
                hint="Delete old runs/ or `visionml local reset`, or free space elsewhere.",
            )


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Credentials(_Record):
    """An access key."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def ensure(cls, project: Project) -> "Credentials":
        """Return the project's access key, making it the first time."""
        try:
            return cls.model_validate_json(project.credentials_file.read_bytes())
        except (FileNotFoundError, ValidationError):
            letters = string.ascii_uppercase + "234567"
            made = cls(
                access_key_id="AKIA" + "".join(secrets.choice(letters) for _ in range(16)),
                secret_access_key=secrets.token_urlsafe(30),
            )
            write_private(project.credentials_file, made.model_dump_json(indent=2))
            return made


class State(_Record):
    """A running embedded AWS."""

    endpoint_url: str
    ca_bundle: str
    ca_certificate: str
    region: str
    account: str
    access_key_id: str
    secret_access_key: str
    port: int
    pid: int
    pid_started: float
    """The process's creation time: a pid alone may be another program's by now."""

    def environment(self) -> dict[str, str]:
        """Return the variables after which any AWS client talks to this embedded AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CA_BUNDLE": self.ca_bundle,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "REQUESTS_CA_BUNDLE": self.ca_bundle,
            "SSL_CERT_FILE": self.ca_bundle,
            "NODE_EXTRA_CA_CERTS": self.ca_certificate,
        }

    def alive(self) -> bool:
        """Tell whether the process that wrote this still runs."""
        try:
            process = psutil.Process(self.pid)
            return (
                abs(process.create_time() - self.pid_started) < 1
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return False

    def connect(self) -> "Aws":
        """Return clients of this embedded AWS, as its administrator."""
        import boto3  # noqa: PLC0415  (a fifth of a second that `visionml local` need not wait)

        from visionml.aws.session import Aws  # noqa: PLC0415

        session = boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            region_name=self.region,
        )
        return Aws(session, endpoint_url=self.endpoint_url, ca_bundle=self.ca_bundle)


def read(project: Project | None = None) -> State:
    """Return the running embedded AWS of a project, by default that around the working directory.

    Raises
    ------
    NotFound
        None runs: it was never started, was stopped, or died.
    """
    project = project or Project.find()
    state = recorded(project)
    if state is None or not state.alive():
        died = "has died" if state else "is not running"
        raise NotFound(
            f"The embedded AWS of {project.folder.parent} {died}.",
            hint="Start it with `visionml local up`.",
        )
    return state


def recorded(project: Project) -> State | None:
    """Return what a server wrote, dead or alive; None when there is nothing legible."""
    try:
        return State.model_validate_json(project.state_file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write(project: Project, state: State) -> None:
    """Record a running server."""
    write_private(project.state_file, state.model_dump_json(indent=2))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp made it 0600
        file.write(text)
    Path(name).replace(path)
