"""Roles are assumed by many threads at once: instances start while functions run."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ministack.services import sts

from visionml.local import ministack

_STANDING = 3_000
_NEW = 200


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sessions of this test's own, and threads that give way as often as they can."""
    standing = {f"KEY{index}": {"Expiration": 4e9} for index in range(_STANDING)}
    monkeypatch.setattr(sts, "_sessions", standing)
    monkeypatch.setattr(sts, "register_session", sts.register_session)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_sessions_are_registered_while_others_are() -> None:
    ministack.register_sessions_in_turn()
    with ThreadPoolExecutor(8) as threads:
        sessions = threads.map(
            lambda index: ministack.register_session(
                f"arn:aws:iam::000000000000:role/role-{index}", "session"
            ),
            range(_NEW),
        )
        keys = {session.access_key_id for session in sessions}
    assert len(keys) == _NEW
    assert keys <= set(sts._sessions)
