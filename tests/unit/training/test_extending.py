"""Models that are plugged in: by docs/extending.md, by a dotted path, by an installed package."""

import importlib
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import loops
from tests.fakes.jobs import ROOT, run
from visionml.contracts.container import MlFolder
from visionml.errors import InvalidInput
from visionml.model import artefact
from visionml.model.architectures import architecture, names
from visionml.training import hyperparameters
from visionml.training import job as training
from visionml.training.hyperparameters import Hyperparameters

Job = Callable[..., MlFolder]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
METADATA = "Metadata-Version: 2.1\nName: stripes\nVersion: 1.0\n"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds the page's example alone."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "stripes.py").write_text(block("python"), encoding="utf-8")
    return folder


@pytest.fixture
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as an installed package, as pip would leave it."""
    declared = tomllib.loads(block("toml"))["project"]["entry-points"]
    ((group, points),) = declared.items()
    lines = [f"{name} = {target}" for name, target in points.items()]
    info = folder / "stripes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    return folder


def test_the_page_s_model_trains_in_the_image_by_its_path(job: Job, folder: Path) -> None:
    ml = job(architecture="stripes:STRIPES", hidden="16", epochs="3", width=None)
    code, said = run("train", ml.base, path=str(folder))
    assert code == 0, said
    assert artefact.read(ml.model).architecture == "stripes:STRIPES"


def test_the_page_s_model_trains_under_the_name_of_its_package(job: Job, installed: Path) -> None:
    assert "stripes" in names()
    ml = job(architecture="stripes", hidden="16", width=None)
    in_force = hyperparameters.as_strings(*hyperparameters.parse(ml.hyperparameters()))
    expected = {"hidden": "16", "image_size": "16", "learning_rate": "0.01", "dropout": "0.1"}
    assert in_force.items() >= expected.items()
    metrics, module = loops.run(ml)
    assert type(module).__name__ == "Stripes"
    assert metrics["validation_accuracy"] > 0.3


def test_the_page_states_the_defaults_that_hold() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", PAGE, re.MULTILINE)
    stated: dict[str, str] = {}
    for left, right in rows:
        values = [value.strip(" `") for value in right.split(",")]
        stated.update(zip(re.findall(r"`(\w+)`", left), values, strict=True))
    fields = Hyperparameters.model_fields
    assert stated == {name: str(fields[name].default).lower() for name in stated}
    described = {"run_id", "dataset", "dataset_version", "architecture", "image_size"}
    assert stated.keys() == fields.keys() - described


@pytest.mark.usefixtures("installed")
def test_a_module_of_the_wrong_shape_is_refused_before_training(job: Job) -> None:
    ml = job(architecture="stripes", width=None)
    chosen = architecture("stripes")
    wrong = type(chosen)(
        lambda classes, options: chosen.build(classes + 1, options), chosen.options
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stripes.STRIPES", wrong)
        with pytest.raises(InvalidInput, match=r"shape \(2, 11\), not \(2, 10\)"):
            training.run(ml)
    assert not ml.checkpoints.exists()
