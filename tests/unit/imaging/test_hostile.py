"""Intake's functions over the whole corpus in a process that may take 1 GiB and no more."""

import json
import subprocess
import sys
from pathlib import Path

from skimage import data

from tests.fakes import hostile

SECONDS = 120

PROGRAM = """
import json, resource, sys
from pathlib import Path

import visionml.imaging.clean as clean
import visionml.imaging.previews as previews
from visionml.errors import ImageRefused
from visionml.imaging.inspect import admit, inspect

GIB = 1 << 30
# what the libraries map at start is not touched: it is the images that may take 1 GiB
mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + GIB, mapped + GIB))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
for path in sorted(Path(sys.argv[1]).iterdir()):
    content, outcome = path.read_bytes(), None
    for step in (admit, inspect, previews.previews, clean.cleaned):
        try:
            step(content)
        except ImageRefused as error:
            outcome = outcome or error.reason
    print(json.dumps([path.name, outcome]), flush=True)
# getrusage's figure would be that of the process which started this one, where that is larger
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
peak = int(status["VmHWM"].split()[0]) * 1024
print(json.dumps(["peak", peak]))
"""


def run(folder: Path) -> dict[str, str | int | None]:
    """Return each file's reason or None, and the peak of the process's memory in bytes."""
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:] + finished.stdout[-500:]
    return dict(json.loads(line) for line in finished.stdout.splitlines())


def test_no_file_of_the_corpus_crashes_hangs_or_takes_a_gibibyte(tmp_path: Path) -> None:
    cases = [*hostile.corpus(), *hostile.largest()]
    for case in cases:
        (tmp_path / case.name).write_bytes(case.data)
    found = run(tmp_path)
    peak = found.pop("peak")
    assert isinstance(peak, int)
    assert peak < 1 << 30
    assert found == {case.name: case.reason for case in cases}


def test_every_image_that_scikit_image_brings_is_read_or_refused(tmp_path: Path) -> None:
    folder = Path(data.__file__).parent
    files = [path for path in folder.iterdir() if path.suffix not in {".py", ".pyc", ".pyi", ""}]
    for path in files:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = run(tmp_path)
    del found["peak"]
    assert len(found) == len(files)
    accepted = {name for name, reason in found.items() if reason is None}
    assert {"astronaut.png", "chelsea.png", "rocket.jpg", "page.png"} <= accepted
    assert {found[name] for name in found.keys() - accepted} <= {"unsupported"}
    assert all(name.endswith((".png", ".jpg", ".jpeg")) for name in accepted)
