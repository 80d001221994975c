import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionml.errors import RequestRefused
from visionml.serving.options import Options

DEFAULTS = Options(top=10, monitoring=False)


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ("", DEFAULTS),
        ("top_k=1", Options(top=1)),
        ("monitoring=true", Options(monitoring=True)),
        (" Top_K = 3 ; MONITORING = True ", Options(top=3, monitoring=True)),
        ("trace=a;top_k=2,monitoring=false", Options(top=2)),
        ("c000b4f9-df62-4c85-a0bf-7c525f9104a4", DEFAULTS),
    ],
)
def test_attributes_change_the_defaults(attributes: str, wanted: Options) -> None:
    assert DEFAULTS.asked(attributes) == wanted


def test_what_every_answer_holds_can_be_declined() -> None:
    assert Options(monitoring=True).asked("monitoring=false") == Options(monitoring=False)


@pytest.mark.parametrize(
    "attributes", ["top_k=0", "top_k=", "top_k=x", "top_k=1001", "top_k=²", "monitoring=1"]
)
def test_values_that_make_no_sense_are_refused_with_400(attributes: str) -> None:
    with pytest.raises(RequestRefused, match="custom attribute") as refused:
        DEFAULTS.asked(attributes)
    assert (refused.value.status, refused.value.code) == (400, "invalid_option")


@given(st.text(max_size=60))
def test_any_header_is_understood_or_refused(attributes: str) -> None:
    found: Options | int
    try:
        found = DEFAULTS.asked(attributes)
    except RequestRefused as refused:
        found = refused.status
    assert isinstance(found, Options) or found == 400
