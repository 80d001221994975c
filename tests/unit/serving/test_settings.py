import os
from pathlib import Path

import pytest

from visionml.errors import SettingsInvalid
from visionml.imaging.header import Limits
from visionml.serving.limits import RequestLimits, ShelfLimits
from visionml.serving.options import Options
from visionml.serving.settings import ServerSettings


def test_the_defaults_are_sagemakers() -> None:
    settings = ServerSettings.read({})
    assert settings.model == Path("/opt/ml/model")
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)
    assert settings.workers == len(os.sched_getaffinity(0))
    assert settings.limits == RequestLimits()
    assert settings.drain_seconds < 30
    assert settings.options == Options(top=10, monitoring=False)
    assert settings.buckets == ()
    assert settings.shelf is None


def test_every_variable_is_read() -> None:
    settings = ServerSettings.read(
        {
            "SAGEMAKER_BASE_DIR": "/tmp/x",
            "SAGEMAKER_BIND_TO_PORT": "9000",
            "SERVE_HOST": "127.0.0.1",
            "SERVE_WORKERS": "3",
            "SERVE_QUEUE": "4",
            "SERVE_QUEUE_BYTES": "5000",
            "SERVE_TIMEOUT_SECONDS": "1.5",
            "SERVE_DRAIN_SECONDS": "2",
            "SERVE_BATCH": "7",
            "SERVE_BATCH_BYTES": "6000",
            "SERVE_TOP_K": "3",
            "SERVE_MONITORING": "True",
            "SERVE_S3_BUCKETS": " photos, more/2026/ ,",
            "SAGEMAKER_MULTI_MODEL": "true",
            "SERVE_MODELS": "5",
            "SERVE_MODELS_BYTES": "4000",
            "UPLOAD_LIMIT_BYTES": "1000",
            "PIXEL_LIMIT": "2000",
        }
    )
    assert settings == ServerSettings(
        model=Path("/tmp/x/model"),
        host="127.0.0.1",
        port=9000,
        workers=3,
        drain_seconds=2,
        limits=RequestLimits(
            image=Limits(bytes=1000, pixels=2000),
            queue=4,
            queue_bytes=5000,
            seconds=1.5,
            batch=7,
            batch_bytes=6000,
        ),
        options=Options(top=3, monitoring=True),
        buckets=("photos", "more/2026/"),
        shelf=ShelfLimits(models=5, bytes=4000),
    )


@pytest.mark.parametrize("value", ["many", "0", "-1", "nan", "inf", "1.5", "1e400"])
def test_a_malformed_number_is_refused_by_name(value: str) -> None:
    with pytest.raises(SettingsInvalid, match="SERVE_WORKERS"):
        ServerSettings.read({"SERVE_WORKERS": value})


def test_a_switch_is_true_or_false() -> None:
    assert not ServerSettings.read({"SERVE_MONITORING": "false"}).options.monitoring
    with pytest.raises(SettingsInvalid, match="SERVE_MONITORING is 'maybe'"):
        ServerSettings.read({"SERVE_MONITORING": "maybe"})


def test_an_empty_model_folder_is_no_model(tmp_path: Path) -> None:
    settings = ServerSettings.read({"SAGEMAKER_BASE_DIR": str(tmp_path)})
    assert settings.model_folder is None
    settings.model.mkdir()
    assert settings.model_folder is None
    (settings.model / "model.onnx").touch()
    assert settings.model_folder == settings.model
