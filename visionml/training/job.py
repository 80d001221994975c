"""The training job: ``train``, as SageMaker starts it, from channels to ``model/``.

Reads the channels ``train`` and ``validation`` (shards) and the hyperparameters, resumes from
``checkpoints/`` when a run was interrupted, and leaves ``model.onnx`` with ``model.json``.
"""

import hashlib
import logging
from datetime import UTC, datetime
from pathlib import Path

import torch

import visionml
from visionml.contracts.container import MlFolder, run_job
from visionml.contracts.model import ModelRecord
from visionml.model import artefact
from visionml.model.architectures import architecture
from visionml.model.export import OPSET, to_onnx
from visionml.training import data, hyperparameters
from visionml.training.checkpoint import Checkpoints
from visionml.training.loop import train

log = logging.getLogger(__name__)


def main() -> int:
    """Run the job in this process; return its exit code."""
    ml = MlFolder.read()
    return run_job(lambda: run(ml), reason_file=ml.failure)


def run(ml: MlFolder) -> ModelRecord:
    """Train, export and write the artefact; return its record."""
    settings, options = hyperparameters.parse(ml.hyperparameters())
    in_force = hyperparameters.as_strings(settings, options)
    images = data.load(
        train=ml.channel("train"),
        validation=ml.channel("validation"),
        image_size=settings.image_size,
    )
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    module = architecture(settings.architecture).build(len(images.classes), options)
    module.to("cuda" if torch.cuda.is_available() else "cpu")
    identity = {**in_force, "classes": "/".join(images.classes)}
    metrics = train(module, images, settings, Checkpoints(ml.checkpoints, identity))

    size = settings.image_size
    graph = to_onnx(module.to("cpu"), height=size, width=size)
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
        onnx_sha256=artefact.digest(graph),
        opset=OPSET,
        created=datetime.now(UTC),
    )
    artefact.write(ml.model, graph, record)
    log.info("model=%s parameters=%d", record.version, sum(p.numel() for p in module.parameters()))
    return record


def code_version() -> str:
    """Return the hash of this package's source, the code that really ran, in 12 digits."""
    root = Path(visionml.__file__).parent
    result = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        result.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return result.hexdigest()[:12]
