"""SIGTERM, as SageMaker sends it before a spot instance goes."""

import re
import signal
from collections.abc import Callable

import torch

from tests.fakes.jobs import start
from tests.fakes.loops import run, same
from visionml.contracts.container import MlFolder
from visionml.training.interruption import INTERRUPTED

EPOCHS = "60"


def last_epoch(output: str) -> int:
    return max(int(number) for number in re.findall(r"^epoch=(\d+)", output, re.MULTILINE))


def test_an_interrupted_job_ends_at_once_and_goes_on_with_the_same_result(
    job: Callable[..., MlFolder],
) -> None:
    ml = job("spot", epochs=EPOCHS)
    process = start(ml.base)
    before = process.until("epoch=3 ")
    process.signal(signal.SIGTERM)
    code, after = process.finish()
    assert code == INTERRUPTED == 143
    assert "Traceback" not in after
    assert "interrupted=true" in after
    assert not ml.failure.exists()
    assert not ml.model.exists()
    saved = torch.load(ml.checkpoints / "last.pt", weights_only=True)["state"]["epoch"]
    assert saved in {last_epoch(before + after), last_epoch(before + after) + 1}
    assert saved < int(EPOCHS)

    (metrics, module), (expected, whole) = run(ml), run(job("whole", epochs=EPOCHS))
    assert metrics == expected
    assert same(module, whole)
