"""What stands for a user wherever images are kept: a keyed hash, which no list of names undoes."""

import hmac
import re
from collections.abc import Callable
from functools import cached_property

_PREFIX = "u-"
_CHARACTERS = 32
_PSEUDONYM = re.compile(rf"{_PREFIX}[0-9a-f]{{{_CHARACTERS}}}")


class Pseudonyms:
    """The same user has the same pseudonym as long as the secret is the same."""

    def __init__(self, read_secret: Callable[[], str]) -> None:
        """Read the secret when the first user comes, and keep it."""
        self._read = read_secret

    def of(self, user: str) -> str | None:
        """Return the pseudonym of a user's name or of what is one already; nobody has none."""
        user = user.strip()
        if not user:
            return None
        if _PSEUDONYM.fullmatch(user):
            return user
        digest = hmac.digest(self._secret, user.encode("utf-8", "surrogatepass"), "sha256")
        return f"{_PREFIX}{digest.hex()[:_CHARACTERS]}"

    @cached_property
    def _secret(self) -> bytes:
        return self._read().encode()
