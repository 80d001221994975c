"""One snapshot a stack; asset hashes change with every edit and are written as HASH."""

import json
import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.infra.conftest import STACKS, Synthesise

_HASH = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.fixture
def as_json(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("name", ["local", "prod"])
def test_templates_change_on_purpose(
    synthesised: Synthesise, as_json: SnapshotAssertion, name: str, stack: str
) -> None:
    written = json.dumps(synthesised(name).templates[stack])
    template: dict[str, Any] = json.loads(_HASH.sub("HASH", written))

    assert template == as_json
