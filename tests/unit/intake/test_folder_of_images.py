"""Any folder of files through acceptance: Pillow's own tests have a thousand, most of them odd.

``make corpus`` fetches those and runs this; `IMAGES_FOLDER` names another folder.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = os.environ.get("IMAGES_FOLDER", "")
LONGEST_SECONDS = 60.0
MOST_MEBIBYTES = 1024

PROGRAM = """
import json, resource, sys, time
from pathlib import Path

from visionml.contracts.settings import ImageSettings, RedactionSettings
from visionml.errors import ImageRefused
from visionml.imaging.header import Limits
from visionml.intake.accepting import Acceptance

acceptance = Acceptance(Limits(), ImageSettings().preview_sizes, RedactionSettings(), None)
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if not path.is_file():
        continue
    data, began = path.read_bytes(), time.perf_counter()
    try:
        outcome = acceptance.accept(data).format
    except ImageRefused as refusal:
        outcome = refusal.reason
    told = {
        "file": path.name,
        "outcome": outcome,
        "seconds": time.perf_counter() - began,
        "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(told), flush=True)
"""


@pytest.mark.skipif(not FOLDER, reason="IMAGES_FOLDER names no folder: run `make corpus`")
def test_no_file_of_a_folder_crashes_hangs_or_fills_the_memory() -> None:
    files = sum(path.is_file() for path in Path(FOLDER).rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, FOLDER],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS * max(10, files / 10),
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, told[-1:]
    assert len(told) == files > 0
    slow = [each for each in told if each["seconds"] > LONGEST_SECONDS]
    assert slow == []
    assert told[-1]["mebibytes"] < MOST_MEBIBYTES
    assert {"jpeg", "unsupported"} <= {each["outcome"] for each in told}
