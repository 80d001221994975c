"""Training: equal for equal seeds, and whether interrupted or not."""

import logging
import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.fakes.loops import run, same
from visionml.contracts.container import MlFolder
from visionml.dataset.shards import write_shard
from visionml.errors import Conflict, DatasetInvalid, JobFailed
from visionml.training import data
from visionml.training.checkpoint import Checkpoints, State
from visionml.training.cluster import ALONE
from visionml.training.loop import progress, schedule, validate

Job = Callable[..., MlFolder]


class Interrupted(Exception):
    """Stands for the instance that a spot job loses."""


class Perishable(Checkpoints):
    """Loses the machine right after an epoch's checkpoint was written."""

    after = 2

    def save(self, state: State) -> None:
        super().save(state)
        if state.epoch == self.after:
            raise Interrupted


def test_one_seed_gives_equal_metrics_and_weights(job: Job) -> None:
    (first, one), (second, other) = run(job("a")), run(job("b"))
    assert first == second
    assert same(one, other)


def test_another_seed_gives_another_model(job: Job) -> None:
    assert run(job("a"))[0] != run(job("b", seed="1"))[0]


def test_an_interrupted_run_ends_as_if_it_had_not_been(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    metrics, module = run(job("whole"))
    ml = job("interrupted")
    with pytest.raises(Interrupted):
        run(ml, Perishable)
    caplog.clear()
    resumed, again = run(ml)
    assert resumed == metrics
    assert same(again, module)
    assert "resumed_after_epoch=2" in caplog.text
    assert re.findall(r"^epoch=(\d+)", "\n".join(caplog.messages), re.MULTILINE) == ["3", "4"]


def test_a_finished_run_is_not_trained_again(job: Job) -> None:
    ml = job()
    metrics, module = run(ml)
    again, other = run(ml)
    assert again == metrics
    assert same(module, other)


def test_another_run_s_checkpoint_is_refused(job: Job) -> None:
    one, other = job("one", epochs="1"), job("other", epochs="1", seed="7", width="5")
    run(one)
    one.checkpoints.rename(other.checkpoints)
    with pytest.raises(Conflict, match="of another run: seed, width differ"):
        run(other)


def test_a_damaged_checkpoint_costs_time_only(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    ml = job(epochs="1")
    metrics, _ = run(ml)
    path = ml.checkpoints / "last.pt"
    path.write_bytes(path.read_bytes()[:500])
    assert run(ml)[0] == metrics
    assert "training starts over" in caplog.text


def test_the_best_epoch_is_kept_not_the_last(job: Job) -> None:
    metrics, module = run(job(epochs="6", learning_rate="0.5"))
    images = data.load(
        train=job("b").channel("train"), validation=job("c").channel("validation"), image_size=16
    )
    found = validate(module, images.validation)
    assert found["validation_accuracy"] == metrics["validation_accuracy"]
    assert found["validation_loss"] == pytest.approx(metrics["validation_loss"])


def test_a_run_that_diverges_fails_with_advice(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "visionml.training.learner.cross_entropy",
        lambda logits, *_, **__: logits.sum() * float("nan"),
    )
    with pytest.raises(JobFailed, match=r"became nan in epoch 1.*Lower learning_rate"):
        run(job())


def test_the_progress_line_is_what_metric_definitions_read() -> None:
    metrics = {
        "epoch": 3.0,
        "train_loss": 0.12341,
        "validation_loss": 0.2345,
        "validation_accuracy": 0.98765,
    }
    assert progress(metrics, seconds=0.9) == (
        "epoch=3 train_loss=0.1234 validation_loss=0.2345 validation_accuracy=0.9877 seconds=0.90"
    )


def test_the_learning_rate_warms_up_and_fades_out() -> None:
    rates = [schedule(done) for done in np.linspace(0, 1, 101)]
    assert max(rates) == rates[20] == 1
    assert sorted(rates[:21]) == rates[:21]
    assert sorted(rates[20:], reverse=True) == rates[20:]
    assert rates[0] > 0
    assert rates[-1] == pytest.approx(0)


def test_no_batch_is_left_with_one_image() -> None:
    assert [len(share.positions) for share in ALONE.shares(65, 64)] == [33, 32]


def test_shards_of_another_size_are_refused(job: Job) -> None:
    with pytest.raises(
        DatasetInvalid, match=r"train holds images of 16x16 pixels.*image_size is 3"
    ):
        run(job(image_size="32"))


def test_classes_that_training_never_saw_are_refused(job: Job) -> None:
    ml = job()
    for path in ml.channel("train").glob("*.jsonl"):
        path.write_text(path.read_text().replace('"label":"7"', '"label":"1"'))
    with pytest.raises(DatasetInvalid, match="Validation holds classes that training does not: 7"):
        run(ml)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_split_without_images_is_refused(job: Job, split: str) -> None:
    ml = job()
    folder = ml.channel(split)
    for path in folder.iterdir():
        path.unlink()
    write_shard(folder, "part-00-00000", np.empty((0, 16, 16, 3), np.uint8), [])
    with pytest.raises(DatasetInvalid, match=f"{split} holds no images. Import more"):
        run(ml)
