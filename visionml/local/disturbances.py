"""The server's side of `visionml.local.faults`: which faults are to come, and answering them."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from visionml.errors import InvalidInput
from visionml.local import fault_answers, ministack
from visionml.local.faults import CLEAR, INJECT, LIST, SERVICE, TARGET_PREFIX, Fault
from visionml.local.ministack import Asked, Response

_HEADERS = {"Content-Type": "application/x-amz-json-1.1"}
_ANYBODY = (
    "The request must name an operation and one of its errors, and may say times (1 and more) "
    "and after (0 and more)."
)


def install() -> None:
    """Let the owner of the embedded AWS ask for faults, and answer them."""
    disturbances = Disturbances()
    ministack.answer_instead(disturbances.answer)
    administration = Administration(disturbances)
    ministack.register_service(SERVICE, administration.handle, reset=disturbances.reset)


class Disturbances:
    """The faults that are to come, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Let a fault come.

        Raises
        ------
        InvalidInput
            There is no such operation, or it has no such error.
        """
        service, _, operation = fault.operation.partition(":")
        fault_answers.known(service, operation, fault.code)
        with self._lock:
            self._faults.append(fault)

    def pending(self) -> list[Fault]:
        """Return the faults that are still to come."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> int:
        """Forget them; return how many there were."""
        with self._lock:
            count = len(self._faults)
            self._faults.clear()
            return count

    def reset(self) -> None:
        """Forget them."""
        self.clear()

    def answer(self, ask: Callable[[], Asked]) -> Response | None:
        """Return the error that a request answers, None where it is to be served."""
        if not self._faults:
            return None
        asked = ask()
        code = self._due(f"{asked.service}:{asked.operation}")
        if code is None:
            return None
        return fault_answers.known(asked.service, asked.operation, code).answer()

    def _due(self, operation: str) -> str | None:
        """Count a call; return the error that it answers, if any."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.operation != operation:
                    continue
                left = {"after": fault.after - 1} if fault.after else {"times": fault.times - 1}
                self._faults[place] = fault.model_copy(update=left)
                if not self._faults[place].times:
                    del self._faults[place]
                return None if fault.after else fault.code
        return None


class Administration:
    """What the owner may ask."""

    def __init__(self, disturbances: Disturbances) -> None:
        self._disturbances = disturbances

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: ministack.Query,
    ) -> tuple[int, dict[str, str], Any]:
        """Answer a request that is signed for `SERVICE`."""
        del method, path
        operation = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
        key = ministack.access_key(headers, query)
        reason = ministack.denial(key, f"{SERVICE}:{operation}")
        if reason:
            return _answered(403, message=reason)
        try:
            return _answered(200, **self._done(operation, body))
        except InvalidInput as error:
            return _answered(400, message=error.message, hint=error.hint)

    def _done(self, operation: str, body: bytes) -> dict[str, Any]:
        if operation == INJECT:
            fault = _fault(body)
            self._disturbances.add(fault)
            return {"fault": fault.model_dump()}
        if operation == LIST:
            return {"faults": [each.model_dump() for each in self._disturbances.pending()]}
        if operation == CLEAR:
            return {"cleared": self._disturbances.clear()}
        raise InvalidInput(f"{operation} is not one of {INJECT}, {LIST} and {CLEAR}.")


def _fault(body: bytes) -> Fault:
    try:
        return Fault.model_validate_json(body)
    except ValidationError as error:
        place = ".".join(str(each) for each in error.errors()[0]["loc"]) or "it"
        raise InvalidInput(f"{place}: {error.errors()[0]['msg']}.", hint=_ANYBODY) from error


def _answered(status: int, **members: Any) -> tuple[int, dict[str, str], bytes]:
    return status, _HEADERS.copy(), json.dumps(members).encode()
