"""Callers keep their variant, variants get their shares, and only those callers move who must."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionml.errors import Unavailable
from visionml.serving.sticky import Sticky, chosen, pseudonym

CALLERS = [f"caller-{number}" for number in range(20_000)]
NAMES = ("ModelA", "ModelB", "ModelC")
weights = st.tuples(*[st.floats(0.01, 100)] * 3).map(lambda given: dict(zip(NAMES, given)))  # noqa: B905


def spread(shares: Mapping[str, float]) -> list[str | None]:
    return [chosen(caller, shares) for caller in CALLERS]


@pytest.mark.parametrize(
    "shares", [{"ModelA": 80, "ModelB": 20}, {"ModelA": 0.5, "ModelB": 0.3, "ModelC": 0.2}]
)
def test_variants_get_their_share_of_the_callers(shares: dict[str, float]) -> None:
    found = spread(shares)
    for variant, weight in shares.items():
        share = found.count(variant) / len(found)
        assert share == pytest.approx(weight / sum(shares.values()), abs=0.015)


def test_from_80_to_50_only_those_callers_move_who_must() -> None:
    before, after = spread({"ModelA": 80, "ModelB": 20}), spread({"ModelA": 50, "ModelB": 50})
    moved = {pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]}
    share = sum(a != b for a, b in zip(before, after, strict=True)) / len(CALLERS)
    assert moved == {("ModelA", "ModelB")}
    assert share == pytest.approx(0.3, abs=0.015)


@settings(deadline=None)
@given(st.text(min_size=1), weights, st.floats(1, 50))
def test_more_weight_moves_callers_to_that_variant_alone(
    caller: str, before: dict[str, float], more: float
) -> None:
    after = {**before, "ModelB": before["ModelB"] * more}
    assert chosen(caller, after) in {chosen(caller, before), "ModelB"}


@settings(deadline=None)
@given(st.text(min_size=1), weights, st.sampled_from([0.01, 2.0, 4.0]))
def test_weights_count_against_each_other_only(
    caller: str, shares: dict[str, float], scale: float
) -> None:
    scaled = {name: weight * scale for name, weight in shares.items()}
    assert chosen(caller, scaled) == chosen(caller, dict(reversed(shares.items())))


def test_a_variant_without_weight_answers_nobody() -> None:
    assert set(spread({"ModelA": 0, "ModelB": 0.01})) == {"ModelB"}
    assert chosen("caller", {"ModelA": 0.0}) is None
    assert chosen("caller", {}) is None


def test_weights_are_read_seldom_and_survive_a_failure() -> None:
    now = [0.0]
    answers: list[Mapping[str, float] | Exception] = [
        {"ModelA": 0.0001, "ModelB": 1},
        Unavailable("No."),
        {"ModelA": 1, "ModelB": 0.0001},
    ]

    def read() -> Mapping[str, float]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    sticky = Sticky(read, seconds=10, clock=lambda: now[0])
    seen = []
    for moment in (0, 9, 10, 12, 13):
        now[0] = moment
        seen.append(sticky.variant("caller"))
    assert seen == ["ModelB", "ModelB", "ModelB", "ModelB", "ModelA"]
    assert answers == []


@pytest.mark.parametrize("known", [{}, {"ModelA": 1.0}, {"ModelA": 1.0, "ModelB": 0.0}])
def test_sagemaker_chooses_where_there_is_nothing_to_choose(known: dict[str, float]) -> None:
    assert Sticky(lambda: known).variant("caller") is None


def test_a_caller_without_a_name_costs_no_call() -> None:
    def read() -> Mapping[str, float]:
        raise AssertionError("nothing is to be read")

    assert Sticky(read).variant(pseudonym("  ")) is None


def test_a_pseudonym_does_not_tell_the_name_and_is_always_the_same() -> None:
    assert pseudonym("alice@example.com") == pseudonym(" alice@example.com ")
    assert "alice" not in pseudonym("alice@example.com")
    assert pseudonym("alice") != pseudonym("Alice")
