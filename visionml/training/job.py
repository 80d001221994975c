"""The training job: ``train``, as SageMaker starts it, from channels to ``model/``.

Reads the channels ``train`` and ``validation`` (shards) and the hyperparameters, resumes from
``checkpoints/`` when a run was interrupted, and leaves ``model.onnx`` with ``model.json``. On
several hosts, or GPUs, the same program runs on each and they train one model together.
"""

import hashlib
import logging
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import nn

import visionml
from visionml.contracts.container import MlFolder, run_job
from visionml.contracts.model import ModelRecord
from visionml.errors import InvalidInput
from visionml.model import artefact
from visionml.model.architectures import Options, architecture
from visionml.model.export import OPSET, to_onnx
from visionml.training import data, hyperparameters
from visionml.training.checkpoint import Checkpoints
from visionml.training.cluster import ALONE, Cluster
from visionml.training.compute import Compute
from visionml.training.hyperparameters import Hyperparameters
from visionml.training.interruption import INTERRUPTED, end_on_sigterm
from visionml.training.loop import train
from visionml.training.meeting import joined
from visionml.training.processes import side_by_side
from visionml.training.quantisation import quantised

log = logging.getLogger(__name__)


def main() -> int:
    """Run the job on this host; return the exit code."""
    end_on_sigterm()
    ml = MlFolder.read()
    try:
        return run_job(lambda: run_on_host(ml), reason_file=ml.failure)
    except SystemExit:
        log.warning("interrupted=true; started again, the job goes on after its last checkpoint")
        return INTERRUPTED


def run_on_host(ml: MlFolder) -> None:
    """Run this host's part of the job: a process for each of its GPUs, or one."""
    peers, count = ml.training_peers(), max(1, torch.cuda.device_count())
    clusters = [Cluster.of(peers, per_host=count, local=number) for number in range(count)]
    if count == 1:
        run(ml, clusters[0])
    else:
        side_by_side(run, [(ml, cluster) for cluster in clusters])


def run(ml: MlFolder, cluster: Cluster = ALONE) -> ModelRecord | None:
    """Train as one of a cluster's processes; its leader writes the artefact, returned here."""
    settings, options = hyperparameters.parse(ml.hyperparameters())
    in_force = hyperparameters.as_strings(settings, options)
    images = data.load(
        train=ml.channel("train"),
        validation=ml.channel("validation"),
        image_size=settings.image_size,
    )
    compute = Compute.of(settings, local=cluster.local, per_host=cluster.per_host)
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    module = _built(settings, options, classes=len(images.classes))
    identity = {**in_force, "classes": "/".join(images.classes)}
    checkpoints = Checkpoints(ml.checkpoints, identity)
    with joined(cluster, compute.device):
        metrics = train(module, images, settings, checkpoints, cluster=cluster, compute=compute)
    if not cluster.leads:
        return None

    size = settings.image_size
    graph = to_onnx(module.to("cpu"), height=size, width=size)
    graph, quantisation = quantised(graph, images, settings)
    record = ModelRecord(
        version=settings.run_id,
        architecture=settings.architecture,
        hyperparameters=in_force,
        classes=images.classes,
        input=images.input,
        dataset=settings.dataset,
        dataset_version=settings.dataset_version,
        code_version=code_version(),
        seed=settings.seed,
        metrics=metrics,
        compute={**compute.facts(), "processes": str(cluster.size)},
        quantisation=quantisation,
        onnx_sha256=artefact.digest(graph),
        opset=OPSET,
        created=datetime.now(UTC),
    )
    artefact.write(ml.model, graph, record)
    log.info("model=%s parameters=%d", record.version, sum(p.numel() for p in module.parameters()))
    return record


def _built(settings: Hyperparameters, options: Options, *, classes: int) -> nn.Module:
    module = architecture(settings.architecture).build(classes, options)
    module.eval()
    size = settings.image_size
    with torch.no_grad():
        shape = tuple(module(torch.zeros(2, 3, size, size)).shape)
    if shape != (2, classes):
        raise InvalidInput(
            f"{settings.architecture} answers two images of {size}x{size} pixels with a tensor "
            f"of shape {shape}, not {(2, classes)}.",
            hint="An architecture's module returns one logit per image and class.",
        )
    return module


def code_version() -> str:
    """Return the hash of this package's source, the code that really ran, in 12 digits."""
    root = Path(visionml.__file__).parent
    result = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        result.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return result.hexdigest()[:12]
