"""Training folders with a few scanned digits, prepared once."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.fakes.shards import prepare_inputs
from visionml.contracts.container import MlFolder
from visionml.dataset.prepare import prepare

torch.set_num_threads(1)  # tests run side by side

GIVEN = {
    "run_id": "run-20261120-100000-abcd",
    "dataset": "digits",
    "dataset_version": "0123456789abcdef",
    "image_size": "16",
    "epochs": "4",
    "width": "4",
}


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all three splits: 300 digits at 16 pixels."""
    base = tmp_path_factory.mktemp("prepared")
    prepare_inputs(base, per_class=30)
    inputs = base / "processing" / "input"
    prepare(
        manifest=inputs / "manifest" / "manifest.jsonl",
        images=inputs / "images",
        output=base / "shards",
        image_size=16,
    )
    return base / "shards"


@pytest.fixture
def job(tmp_path: Path, shards: Path) -> Callable[..., MlFolder]:
    """Return a function that lays out a training job; None takes a hyperparameter away."""

    def lay_out(name: str = "ml", **changed: str | None) -> MlFolder:
        ml = MlFolder(tmp_path / name)
        for split in ("train", "validation"):
            shutil.copytree(shards / split, ml.channel(split))
        config = ml.base / "input" / "config"
        config.mkdir(parents=True)
        given = {key: value for key, value in {**GIVEN, **changed}.items() if value is not None}
        (config / "hyperparameters.json").write_text(json.dumps(given))
        return ml

    return lay_out
