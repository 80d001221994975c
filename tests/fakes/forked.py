"""Run by path in a process of the fork server; `job` is given.

A command of the image `vision`, with its variables, and with both streams into a pipe.
"""

import os
import runpy
import sys
from pathlib import Path

import torch

command, variables, output = globals()["job"]
os.environ.update(variables)
os.dup2(output.fileno(), 1)
os.dup2(output.fileno(), 2)
sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
torch.set_num_threads(1)  # tests run side by side
runpy.run_path(str(Path(command)), run_name="__main__")
