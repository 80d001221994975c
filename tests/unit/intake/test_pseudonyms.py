"""What stands for a user."""

import hmac

import pytest

from visionml.intake.pseudonyms import Pseudonyms

ALICE = "alice@example.com"


def test_a_pseudonym_is_a_keyed_hash_that_names_nobody() -> None:
    digest = hmac.new(b"secret", ALICE.encode(), "sha256").hexdigest()
    pseudonym = Pseudonyms(lambda: "secret").of(ALICE)
    assert pseudonym == f"u-{digest[:32]}"
    assert Pseudonyms(lambda: "another").of(ALICE) != pseudonym


def test_what_is_a_pseudonym_stays_one_and_nobody_has_none() -> None:
    pseudonyms = Pseudonyms(lambda: "secret")
    once = pseudonyms.of(f" {ALICE} ")
    assert once == pseudonyms.of(ALICE) == pseudonyms.of(once or "")
    assert pseudonyms.of("  ") is None


@pytest.mark.parametrize("almost", ["u-" + "0" * 31, "u-" + "G" * 32, "U-" + "0" * 32, "u-\ud800"])
def test_what_only_looks_like_one_is_hashed(almost: str) -> None:
    found = Pseudonyms(lambda: "secret").of(almost)
    assert found
    assert found != almost


def test_the_secret_is_read_once_and_not_before_somebody_comes() -> None:
    reads: list[str] = []

    def read() -> str:
        reads.append("read")
        return "secret"

    pseudonyms = Pseudonyms(read)
    pseudonyms.of("")
    assert reads == []
    pseudonyms.of("a")
    pseudonyms.of("b")
    assert reads == ["read"]
