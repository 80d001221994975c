"""What API Gateway keeps of answers, and what it writes of calls."""

from dataclasses import replace

import pytest

from visionml.local import access_logs
from visionml.local.api_cache import LARGEST_BYTES, MOST_BYTES, Answer, Cache
from visionml.local.ministack import ApiCall

_KEY = ("api", "live", "/inference", "POST", "'abc'")
_ANSWER: Answer = (200, {"Content-Type": "application/json"}, b"{}")
_CALL = ApiCall(
    api="inference",
    api_id="a1",
    stage="live",
    method="POST",
    path="/inference",
    resource_path="/inference",
    request_id="r1",
    status=200,
    response_bytes=2,
    seconds=0.0123,
    integration_seconds=0.0101,
    cached=None,
    api_key_id="",
    source_ip="127.0.0.1",
    user_agent="tests",
    error="",
    error_type="",
    access_log=("arn:aws:logs:us-east-1:000000000000:log-group:/aws/api", "$context.status"),
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_kept_for_its_seconds() -> None:
    clock = Clock()
    cache = Cache(clock)
    cache.keep(_KEY, _ANSWER, seconds=300)
    clock.now = 299.9
    assert cache.find(_KEY) == _ANSWER
    clock.now = 300.0
    assert cache.find(_KEY) is None


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ((404, {}, b""), True),
        ((503, {}, b""), True),
        ((200, {}, bytes(LARGEST_BYTES)), True),
        ((200, {}, bytes(LARGEST_BYTES + 1)), False),
    ],
)
def test_errors_are_kept_and_large_answers_are_not(answer: Answer, kept: bool) -> None:
    cache = Cache()
    cache.keep(_KEY, answer, seconds=300)
    assert (cache.find(_KEY) is not None) == kept


def test_what_was_not_asked_for_longest_makes_room() -> None:
    cache = Cache()
    largest: Answer = (200, {}, bytes(LARGEST_BYTES))
    room = MOST_BYTES // LARGEST_BYTES
    for number in range(room):
        cache.keep(("a", "s", number), largest, seconds=300)
    assert cache.find(("a", "s", 0)) is not None
    cache.keep(("a", "s", room), largest, seconds=300)
    assert cache.find(("a", "s", 0)) is not None
    assert cache.find(("a", "s", 1)) is None


def test_a_flush_forgets_one_stage() -> None:
    cache = Cache()
    other = ("api", "test", "/inference", "POST", "'abc'")
    cache.keep(_KEY, _ANSWER, seconds=300)
    cache.keep(other, _ANSWER, seconds=300)
    cache.flush("api", "live")
    assert cache.find(_KEY) is None
    assert cache.find(other) == _ANSWER


def test_a_line_has_what_its_format_asks_for_and_dashes_for_the_rest() -> None:
    layout = '{"status":"$context.status","key":"$context.identity.apiKeyId",'
    layout += '"ms":$context.responseLatency,"x":"$context.unheard.of"}'
    assert access_logs.line(_CALL, layout) == '{"status":"200","key":"-","ms":12,"x":"-"}'


def test_a_cached_answer_has_no_integration_latency() -> None:
    call = replace(_CALL, integration_seconds=None)
    assert access_logs.line(call, "$context.integrationLatency") == "-"
