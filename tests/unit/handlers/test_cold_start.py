"""A handler starts fast, imports nothing heavy, and names what its environment lacks."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

import visionml.handlers
from tests.fakes.variables import VARIABLES
from tests.unit import processor
from tests.unit.handlers.conftest import ColdStart
from visionml.cdk import bundle
from visionml.contracts import environment
from visionml.contracts.environment import HandlerEnvironment

HANDLERS = sorted(
    path.stem
    for path in Path(visionml.handlers.__path__[0]).glob("*.py")
    if path.stem not in {"__init__", "answering", "observability", "publishing"}
)
RECORDS = [
    record
    for record in vars(environment).values()
    if isinstance(record, type) and issubclass(record, HandlerEnvironment)
]
FORBIDDEN = {
    "torch",
    "onnxruntime",
    "pyvips",
    "pandas",
    "numpy",
    "aws_cdk",
    "ministack",
    "visionml.local",
    "visionml.cdk",
}
CPU_SECONDS = 1.25
PROBE = """
import json, sys
import visionml.handlers.{handler}
print(json.dumps({{"package": visionml.__file__, "modules": sorted(sys.modules)}}))
"""


@pytest.fixture(scope="module")
def asset() -> Iterator[str]:
    """The folder that becomes the functions' code."""
    with bundle.staged(bundle.HANDLERS) as folder:
        yield folder


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_cold_start_from_the_asset_is_quick_and_light(handler: str, asset: str) -> None:
    cold = processor.least(
        [sys.executable, "-c", PROBE.format(handler=handler)],
        limit=CPU_SECONDS,
        folder=asset,
        variables={**os.environ, **VARIABLES, "PYTHONPATH": asset},
    )
    seen = json.loads(cold.printed.splitlines()[-1])
    assert seen["package"] == str(Path(asset, "visionml", "__init__.py"))
    assert FORBIDDEN.isdisjoint(seen["modules"])
    assert cold.seconds < CPU_SECONDS


@pytest.mark.parametrize("handler", HANDLERS)
def test_every_module_of_handlers_has_a_handler(handler: str, cold_start: ColdStart) -> None:
    assert callable(cold_start(handler).handler)


def test_a_missing_variable_fails_the_cold_start_by_name(
    cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LINEAGE_TABLE")
    monkeypatch.delitem(sys.modules, "visionml.handlers.run_recorder", raising=False)
    with pytest.raises(ValidationError, match="lineage_table"):
        cold_start("run_recorder")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_an_environment_record_survives_its_variables(record: type[HandlerEnvironment]) -> None:
    read = record.read(VARIABLES)
    assert record.read(read.variables()) == read
