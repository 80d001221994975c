"""The training loop, beside a bare PyTorch loop over tensors in memory; images a second."""

import json
import os
import subprocess
import sys

from benchmarks.record import Row, row


def training_loop() -> Row:
    """Measure in a process of its own, whose threads wait as those of the training image do."""
    measured = subprocess.run(
        [sys.executable, "-m", "benchmarks.training_loop"],
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        check=True,
        capture_output=True,
        text=True,
    )
    samples: dict[str, list[float]] = json.loads(measured.stdout.splitlines()[-1])
    return row("training_loop", "images/s", samples, higher_is_better=True)
