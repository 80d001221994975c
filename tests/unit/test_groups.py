"""Which tests run in one process, because they share something costly."""

import pytest

from tests.conftest import group


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("tests/functional/test_streams.py", "platform"),
        ("tests/functional/test_main_line.py", "platform"),
        ("tests/functional/test_training_machine.py", "platform"),
        ("tests/functional/test_rekognition.py", "services"),
        ("tests/functional/test_intake_services.py", "services"),
        ("tests/functional/batch/test_jobs.py", "services"),
        ("tests/functional/sagemaker/test_endpoints.py", "sagemaker"),
        ("tests/infra/test_snapshots.py", "app"),
    ],
)
def test_tests_are_with_those_that_share_what_they_need(file: str, expected: str) -> None:
    assert group(f"{file}::test_something[one]") == expected


def test_a_test_that_shares_nothing_goes_to_any_process() -> None:
    assert group("tests/unit/test_groups.py::test_one") != group("tests/unit/test_groups.py::two")
