"""Whose account and region a call is for: a request's, an execution's, or an opened scope's."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ministack.core import responses


def account() -> str:
    """Return the account of the request in progress."""
    return str(responses.get_account_id())


def region() -> str:
    """Return the region of the request in progress."""
    return str(responses.get_region())


@contextmanager
def scope(account_id: str, region_name: str) -> Iterator[None]:
    """Work for one account and region in a thread that serves no request."""
    with responses.request_scope(account_id, region_name):
        yield


def start_thread(work: Callable[[], object], *, name: str) -> threading.Thread:
    """Run work in a daemon thread that keeps the scope of the request in progress."""
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name=name, daemon=True)
    thread.start()
    return thread
