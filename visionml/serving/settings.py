"""What the serving process is told by its environment, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from visionml.contracts.container import MlFolder
from visionml.contracts.settings import ImageSettings
from visionml.errors import SettingsInvalid
from visionml.imaging.header import Limits
from visionml.serving.limits import RequestLimits, ShelfLimits
from visionml.serving.options import Options


@dataclass(frozen=True)
class ServerSettings:
    """Where to listen, with how many processes, within which limits.

    ==========================  ====================================================
    ``SAGEMAKER_BASE_DIR``      the folder above ``model/``; ``/opt/ml``
    ``SAGEMAKER_BIND_TO_PORT``  8080
    ``SERVE_HOST``              the address to bind; all of the container's
    ``SERVE_WORKERS``           processes; as many as this one may use cores
    ``SERVE_QUEUE``             requests that may wait in each process; 64
    ``SERVE_QUEUE_BYTES``       what their bodies may hold together; 128 MiB
    ``SERVE_TIMEOUT_SECONDS``   from a request's first byte to its answer; 20
    ``SERVE_DRAIN_SECONDS``     what SIGTERM leaves to requests under way; 25, as
                                SageMaker kills after 30
    ``SERVE_BATCH``             images in one request; 32
    ``SERVE_BATCH_BYTES``       of a request with several; 25 MiB
    ``SERVE_TOP_K``             classes in an answer; 10
    ``SERVE_MONITORING``        ``true`` for statistics and embedding in every answer,
                                not only in those that are asked for
    ``SERVE_S3_BUCKETS``        where images may lie that a request only names: each a
                                ``BUCKET`` or ``BUCKET/PREFIX``, with commas; none
    ``SAGEMAKER_MULTI_MODEL``   ``true`` where SageMaker loads and unloads models
    ``SERVE_MODELS``            those that each process keeps in memory; 16
    ``SERVE_MODELS_BYTES``      of their graphs together; 512 MiB
    ``UPLOAD_LIMIT_BYTES``      the largest image; 10 MiB
    ``PIXEL_LIMIT``             the largest picture; 50 million
    ==========================  ====================================================
    """

    model: Path
    host: str
    port: int
    workers: int
    drain_seconds: float
    limits: RequestLimits
    options: Options
    buckets: tuple[str, ...]
    shelf: ShelfLimits | None
    """What to keep of the models that SageMaker loads; None where it loads none."""

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> "ServerSettings":
        """Read the settings from environment variables.

        Raises
        ------
        SettingsInvalid
            A variable is no positive number.
        """
        source = os.environ if variables is None else variables
        images = ImageSettings()
        return cls(
            model=MlFolder.read(source).model,
            host=source.get("SERVE_HOST", "0.0.0.0"),  # noqa: S104 - a container's own network
            port=int(_number(source, "SAGEMAKER_BIND_TO_PORT", 8080)),
            workers=int(_number(source, "SERVE_WORKERS", len(os.sched_getaffinity(0)))),
            drain_seconds=_number(source, "SERVE_DRAIN_SECONDS", 25),
            limits=RequestLimits(
                image=Limits(
                    bytes=int(_number(source, "UPLOAD_LIMIT_BYTES", images.upload_limit_bytes)),
                    pixels=int(_number(source, "PIXEL_LIMIT", images.pixel_limit)),
                ),
                queue=int(_number(source, "SERVE_QUEUE", RequestLimits.queue)),
                queue_bytes=int(_number(source, "SERVE_QUEUE_BYTES", RequestLimits.queue_bytes)),
                seconds=_number(source, "SERVE_TIMEOUT_SECONDS", RequestLimits.seconds),
                batch=int(_number(source, "SERVE_BATCH", RequestLimits.batch)),
                batch_bytes=int(_number(source, "SERVE_BATCH_BYTES", RequestLimits.batch_bytes)),
            ),
            options=Options(
                top=int(_number(source, "SERVE_TOP_K", Options.top)),
                monitoring=_switch(source, "SERVE_MONITORING"),
            ),
            buckets=_names(source, "SERVE_S3_BUCKETS"),
            shelf=_shelf(source) if _switch(source, "SAGEMAKER_MULTI_MODEL") else None,
        )

    @property
    def model_folder(self) -> Path | None:
        """The folder of the model, None where SageMaker mounted none."""
        if self.model.is_dir() and any(self.model.iterdir()):
            return self.model
        return None


def _shelf(source: Mapping[str, str]) -> ShelfLimits:
    return ShelfLimits(
        models=int(_number(source, "SERVE_MODELS", ShelfLimits.models)),
        bytes=int(_number(source, "SERVE_MODELS_BYTES", ShelfLimits.bytes)),
    )


def _names(source: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(filter(None, (each.strip() for each in source.get(name, "").split(","))))


def _switch(source: Mapping[str, str], name: str) -> bool:
    text = source.get(name, "").strip().lower()
    if text not in {"", "true", "false"}:
        raise SettingsInvalid(
            f"The environment variable {name} is {text[:50]!r}, which is neither true nor false.",
            hint="Leave it out for false.",
        )
    return text == "true"


def _number(source: Mapping[str, str], name: str, default: float) -> float:
    text = source.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e15 or (isinstance(default, int) and value != int(value)):
        raise SettingsInvalid(
            f"The environment variable {name} is {text[:50]!r}, which is no positive number.",
            hint=f"Leave it out for the default, {default:g}.",
        )
    return value
