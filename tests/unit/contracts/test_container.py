"""SageMaker's container contract, from the inside."""

import errno
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from visionml.contracts.container import (
    MlFolder,
    Peers,
    failure_reason,
    run_job,
    use_interface,
)
from visionml.errors import InvalidInput


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_the_folder_is_opt_ml_unless_the_environment_names_another() -> None:
    assert MlFolder.read({}).channel("train") == Path("/opt/ml/input/data/train")
    assert MlFolder.read({"SAGEMAKER_BASE_DIR": "/x"}).model == Path("/x/model")


def test_hyperparameters_are_strings(tmp_path: Path) -> None:
    path = tmp_path / "input/config/hyperparameters.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"epochs": "3", "seed": 4}))
    assert MlFolder(tmp_path).hyperparameters() == {"epochs": "3", "seed": "4"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "does not exist"), ("{", "not valid JSON"), ("[]", "holds no JSON object")],
)
def test_a_missing_or_broken_file_is_named(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    path = tmp_path / "input/config/hyperparameters.json"
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidInput, match=rf"hyperparameters\.json {sentence}|{sentence}"):
        MlFolder(tmp_path).hyperparameters()


def test_hosts_are_numbered_by_name_and_a_lone_one_is_the_first(tmp_path: Path) -> None:
    assert MlFolder(tmp_path).processing_host() == (0, 1)
    (tmp_path / "config").mkdir()
    hosts = {"current_host": "algo-2", "hosts": ["algo-3", "algo-2", "algo-1"]}
    (tmp_path / "config/resourceconfig.json").write_text(json.dumps(hosts))
    assert MlFolder(tmp_path).processing_host() == (1, 3)


def test_a_job_that_ends_well_leaves_no_reason(tmp_path: Path) -> None:
    reason = tmp_path / "output/failure"
    assert run_job(lambda: None, reason_file=reason) == 0
    assert not reason.exists()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InvalidInput("epochs is 'many'.", hint="Give a number."), "epochs is 'many'. Give a numb"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "disk is full. Raise training.volume_gb",
        ),
        (MemoryError(), "out of memory. Use a larger instance type"),
        (KeyError("x"), "KeyError: 'x'. The traceback is in the job's log."),
    ],
)
def test_a_job_that_fails_leaves_a_sentence_to_act_on(
    tmp_path: Path, error: BaseException, sentence: str
) -> None:
    reason = tmp_path / "output/failure"
    assert run_job(raising(error), reason_file=reason) == 1
    assert sentence in reason.read_text()


def test_only_unforeseen_errors_leave_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(raising(InvalidInput("No.")), reason_file=tmp_path / "a")
    run_job(raising(KeyError("x")), reason_file=tmp_path / "b")
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [bool(record.exc_info) for record in errors] == [False, True]


def test_a_reason_is_as_long_as_sagemaker_shows() -> None:
    assert len(failure_reason(ValueError("x" * 5000))) == 1024


def test_a_reason_that_cannot_be_written_is_still_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "output").write_text("a file where a folder should be")
    assert run_job(raising(InvalidInput("No.")), reason_file=tmp_path / "output/failure") == 1
    assert "No." in caplog.text
    assert "could not be written" in caplog.text


def test_a_training_job_knows_its_peers(tmp_path: Path) -> None:
    assert MlFolder(tmp_path).training_peers({}) == Peers(("algo-1",), "algo-1")
    path = tmp_path / "input" / "config" / "resourceconfig.json"
    path.parent.mkdir(parents=True)
    config = {"current_host": "algo-2", "hosts": ["algo-2", "algo-1"]}
    path.write_text(json.dumps({**config, "network_interface_name": "eth0"}))
    found = MlFolder(tmp_path).training_peers({"TRAINING_JOB_NAME": "job"})
    assert found == Peers(("algo-1", "algo-2"), "algo-2", "eth0", "job")


def test_the_network_interface_is_sagemaker_s_unless_one_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NCCL_SOCKET_IFNAME", "ens5")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    use_interface("eth0")
    assert os.environ["GLOO_SOCKET_IFNAME"] == "eth0"
    assert os.environ["NCCL_SOCKET_IFNAME"] == "ens5"
