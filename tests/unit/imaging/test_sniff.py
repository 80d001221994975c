import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import hostile, pictures
from tests.fakes.hostile import Case
from tests.fakes.pictures import encoded
from visionml.contracts.intake import FileKind, RefusalReason
from visionml.errors import ImageRefused
from visionml.imaging.header import Limits
from visionml.imaging.inspect import admit, inspect, refused
from visionml.imaging.sniff import described, hidden_kind, kind_of

CASES = list(hostile.corpus())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_kind_follows_from_the_content(case: Case) -> None:
    assert kind_of(case.data) is case.kind
    assert case.kind.accepted or case.reason in {"unsupported", "empty"}


def _judged(data: bytes) -> None:
    admit(data)
    inspect(data)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_hostile_file_is_accepted_or_refused_for_its_reason(case: Case) -> None:
    if case.reason is None:
        assert admit(case.data) == inspect(case.data)
        return
    with pytest.raises(ImageRefused) as raised:
        _judged(case.data)
    record = refused(case.data, raised.value)
    assert record.reason == RefusalReason(case.reason)
    assert (record.kind, record.file_size) == (case.kind, len(case.data))
    assert record.sentence.endswith(".")


def test_refusals_name_what_the_file_is() -> None:
    with pytest.raises(ImageRefused, match="they look like a ZIP archive"):
        admit(hostile.zipped())
    with pytest.raises(ImageRefused, match="The jpeg image is an HTML page too"):
        admit(hostile.commented(encoded(hostile.small(), "JPEG"), hostile.HTML))
    with pytest.raises(ImageRefused) as heavy:
        admit(encoded(hostile.small(), "JPEG"), Limits(bytes=1000))
    assert (heavy.value.reason, heavy.value.limit) == ("too_many_bytes", 1000)


def test_every_kind_that_is_refused_can_be_described() -> None:
    silent = {FileKind.EMPTY, FileKind.UNKNOWN}
    assert {kind for kind in FileKind if not kind.accepted and not described(kind)} == silent


@pytest.mark.parametrize("seed", range(2))
def test_noise_hides_nothing(seed: int) -> None:
    # noise compresses worst, so its files hold most random bytes
    pixels = pictures.noise(1000, 700, seed)
    for kind in ("JPEG", "PNG", "WEBP"):
        assert hidden_kind(encoded(pixels, kind)) is None


@given(st.binary(max_size=300))
def test_any_bytes_have_a_kind(data: bytes) -> None:
    assert kind_of(data) in FileKind
    hidden_kind(data)
