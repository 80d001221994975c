from datetime import UTC, datetime

import pytest

from tests.unit.monitoring.answers import MODEL, answers
from visionml.monitoring.baseline import Baseline, fit


@pytest.fixture(scope="session")
def baseline() -> Baseline:
    """Return what windows of `answers` are compared with."""
    return fit(
        answers(2000, seed=1),
        model_version=MODEL,
        sizes=(100, 400, 1600),
        made=datetime(2026, 11, 20, tzinfo=UTC),
    )
