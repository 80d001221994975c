"""From labels to an animal, by rules that are data."""

from hypothesis import given
from hypothesis import strategies as st

from visionml.contracts.detector import (
    Detection,
    DetectionFailure,
    DetectorRules,
    Label,
    Uncertainty,
)
from visionml.intake.deciding import decide, not_looked_at

RULES = DetectorRules()
NAMES = ("Cat", "Kitten", "Dog", "Puppy", "Car", "Animal", "Grass")
PERCENT = st.floats(0, 100)
LABELS = st.lists(
    st.builds(
        Label,
        name=st.sampled_from(NAMES),
        confidence=PERCENT,
        parents=st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
    ),
    max_size=12,
)


def seen(**confidences: float) -> Detection:
    labels = [Label(name=name, confidence=value) for name, value in confidences.items()]
    return decide(labels, RULES)


def test_a_sure_cat_is_a_cat() -> None:
    found = seen(Cat=97.5, Grass=99)
    assert (found.animal, found.confidence, found.uncertainty) == ("cat", 97.5, None)
    assert found.reason == ""


def test_a_breed_counts_by_its_parents_and_names_by_any_case() -> None:
    breed = Label(name="Siamese", confidence=91, parents=("Animal", "CAT"))
    assert decide([breed], RULES).animal == "cat"
    assert seen(puppy=90).animal == "dog"


def test_an_image_without_either_is_another() -> None:
    assert (seen(Car=88).animal, seen(Car=88).confidence) == ("other", 88)
    assert (decide([], RULES).animal, decide([], RULES).confidence) == ("other", 0)
    assert (seen(Cat=49.9).animal, seen(Cat=50).animal) == ("other", "cat")


def test_a_person_is_asked_about_an_unsure_animal() -> None:
    found = seen(Dog=79.9)
    assert (found.animal, found.uncertainty) == ("dog", Uncertainty.LOW_CONFIDENCE)
    assert found.reason == (
        "The image shows a dog with a confidence of 79.9 only; from 80 on it is certain."
    )
    assert seen(Dog=80).uncertainty is None


def test_a_person_is_asked_where_two_animals_are_close() -> None:
    found = seen(Cat=95, Dog=90)
    assert (found.animal, found.uncertainty) == ("cat", Uncertainty.CLOSE_ANIMALS)
    assert found.reason == (
        "The image shows a cat with a confidence of 95.0 and a dog with 90.0: less than 10 lie"
        " between them."
    )
    assert seen(Cat=95, Dog=85).uncertainty is None


def test_an_animal_below_the_minimum_is_none_but_a_person_is_asked_if_it_is_noticed() -> None:
    found = seen(Cat=49, House=51)
    assert (found.animal, found.confidence) == ("other", 51)
    assert found.uncertainty is Uncertainty.LOW_CONFIDENCE
    assert found.reason == (
        "The image may show a cat, with a confidence of 49.0; from 50 on it is taken for one."
    )
    assert seen(Cat=29, House=51).uncertainty is None


def test_an_image_that_could_not_be_looked_at_is_another_one_with_a_reason() -> None:
    found = not_looked_at(DetectionFailure(error="Unavailable", cause="Rekognition is down."))
    assert (found.animal, found.confidence) == ("other", 0)
    assert found.uncertainty is Uncertainty.NOT_LOOKED_AT
    assert found.reason == ("The image could not be looked at: Unavailable: Rekognition is down.")


@given(labels=LABELS, minimum=PERCENT, more=PERCENT, gap=PERCENT)
def test_rules_hold_whatever_is_seen(
    labels: list[Label], minimum: float, more: float, gap: float
) -> None:
    certain = min(100.0, minimum + more)
    rules = DetectorRules(minimum_confidence=minimum, certain_confidence=certain, smallest_gap=gap)
    found = decide(labels, rules)
    best = {
        animal: max(
            (
                label.confidence
                for label in labels
                if {label.name, *label.parents} & set(rules.animals[animal])
            ),
            default=-1.0,
        )
        for animal in rules.animals
    }
    strong = {animal: value for animal, value in best.items() if value >= minimum}
    assert found == decide(list(reversed(labels)), rules)
    assert (found.uncertainty is None) == (found.reason == "")
    assert set(found.labels) <= set(labels)
    noticed = [value for value in best.values() if value >= min(minimum, 30)]
    close = len(noticed) == 2 and max(noticed) - min(noticed) < gap
    if not strong:
        assert found.animal == "other"
        assert (found.uncertainty is not None) == bool(noticed)
        assert found.confidence == max((label.confidence for label in labels), default=0)
        return
    assert found.confidence == max(strong.values()) == strong[found.animal]  # type: ignore[index]
    assert (found.uncertainty is not None) == (close or found.confidence < certain)
