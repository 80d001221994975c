"""Precision and compilation."""

import os
import shutil
from collections.abc import Callable
from functools import partial

import pytest
import torch

from tests.fakes.loops import run
from visionml.contracts.container import MlFolder
from visionml.errors import InvalidInput
from visionml.training.compute import Compute
from visionml.training.hyperparameters import Hyperparameters

Job = Callable[..., MlFolder]
SETTINGS = Hyperparameters(run_id="run-20261120-100000-abcd", dataset="digits", dataset_version="1")


def test_a_cpu_computes_in_32_bits_unless_told_otherwise() -> None:
    chosen = Compute.of(SETTINGS)
    assert (chosen.device.type, chosen.precision, chosen.compiled) == ("cpu", torch.float32, False)
    assert chosen.facts() == {
        "device": "cpu",
        "precision": "float32",
        "torch": str(torch.__version__),
    }


def test_mixed_precision_learns_about_the_same(job: Job) -> None:
    plain, _ = run(job("plain", epochs="2", dropout="0"))
    for precision in ("bfloat16", "float16"):
        mixed, module = run(job(precision, epochs="2", dropout="0", precision=precision))
        assert mixed != plain
        assert mixed["train_loss"] == pytest.approx(plain["train_loss"], rel=0.02)
        assert {weights.dtype for weights in module.parameters()} == {torch.float32}


def test_the_scale_of_16_bit_gradients_outlives_an_interruption(job: Job) -> None:
    ml = job(epochs="1", precision="float16")
    run(ml)
    saved = torch.load(ml.checkpoints / "last.pt", weights_only=True)["state"]["scaler"]
    assert saved["_growth_tracker"] > 0


def test_a_compiled_module_learns_the_same(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, _ = run(job("plain", epochs="2", dropout="0"))
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", partial(_compiled, torch.compile, compiled))
    metrics, module = run(job("compiled", epochs="2", dropout="0", compile="true"))
    assert compiled == [module]
    assert metrics == pytest.approx(plain)


def _compiled(compile_: Callable[..., object], seen: list[object], module: object) -> object:
    """Trace as ever, but spare the minute of a C++ compiler."""
    seen.append(module)
    return compile_(module, backend="eager")


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    wanted = SETTINGS.model_copy(update={"compile": True})
    with pytest.raises(InvalidInput, match=r"no C\+\+ compiler\. Add g\+\+"):
        Compute.of(wanted)


def test_processes_of_one_host_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    Compute.of(SETTINGS, local=1, per_host=4)
    Compute.of(SETTINGS)
    assert given == [2]
