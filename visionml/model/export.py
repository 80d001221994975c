"""From a PyTorch module to an ONNX graph that gives the same answers."""

import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from visionml.errors import VisionmlError
from visionml.model.embedding import with_embedding

OPSET = 18  # what torch 2.13's exporter speaks natively; a later one is only translated
TOLERANCE = 1e-4  # of a logit, absolute and relative: float32 sums in another order


def to_onnx(module: nn.Module, *, height: int, width: int) -> bytes:
    """Return the module's graph, (n, 3, height, width) to (n, classes), verified against it.

    It also gives ``embedding`` where `visionml.model.embedding` finds one.

    Raises
    ------
    VisionmlError
        The module cannot be exported, or its graph answers differently.
    """
    module.eval()
    generator = torch.Generator().manual_seed(0)
    example = torch.randn(3, 3, height, width, generator=generator)
    graph = with_embedding(_exported(module, example[:2]))
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for batch in (example, example[:1]):
        (given,) = session.run(["logits"], {"pixels": batch.numpy()})
        with torch.no_grad():
            wanted = module(batch).numpy()
        if not np.allclose(given, wanted, rtol=TOLERANCE, atol=TOLERANCE):
            worst = float(np.abs(given - wanted).max())
            raise VisionmlError(
                f"The ONNX graph answers differently from the module: logits differ by {worst:g}.",
                hint="Replace layers that behave differently outside of PyTorch.",
            )
    return graph


def _exported(module: nn.Module, example: torch.Tensor) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of packages nobody needs
    try:
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")  # deprecations inside torch.export itself
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["pixels"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
            if program is None:
                raise VisionmlError("The module was not exported to ONNX.")
            path = Path(folder) / "model.onnx"
            program.save(path, external_data=False)
            return path.read_bytes()
    except torch.onnx.OnnxExporterError as error:
        raise VisionmlError(
            f"The module cannot be exported to ONNX: {error}.",
            hint="Use layers with fixed shapes, and no Python branches on the input's values.",
        ) from error
