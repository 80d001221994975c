"""Cold starts of handlers, with the environment that the stacks give them."""

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes.variables import VARIABLES


class ColdStart(Protocol):
    """Imports a handler's module, with fakes in the place of the globals they are named for."""

    def __call__(self, handler: str, **fakes: object) -> ModuleType: ...


@dataclass
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:function"
    aws_request_id: str = "1b2c3d4e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


@pytest.fixture
def context() -> LambdaContext:
    return Context()  # type: ignore[return-value]


@pytest.fixture
def cold_start(monkeypatch: pytest.MonkeyPatch) -> ColdStart:
    """Import a handler's module under its environment and put fakes in the place of its globals."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)

    def start(handler: str, **fakes: object) -> ModuleType:
        module = importlib.import_module(f"visionml.handlers.{handler}")
        for name, fake in fakes.items():
            monkeypatch.setattr(module, name, fake)
        return module

    return start
