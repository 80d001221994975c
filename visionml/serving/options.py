"""What a caller may ask for beside the label, and what is answered unless they do.

It travels in ``X-Amzn-SageMaker-Custom-Attributes``, the one header of a caller that SageMaker
hands on: ``top_k=1`` for the smallest answer, ``monitoring=true`` for statistics and embedding.
Attributes of other names are somebody else's and are left alone.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from visionml.errors import RequestRefused

TOP_LIMIT = 1000
_SEPARATORS = re.compile(r"[;,]")
_SWITCH = {"true": True, "false": False}


@dataclass(frozen=True)
class Options:
    """How much an answer holds."""

    top: int = 10
    """Classes whose probabilities are given, the most probable first."""
    monitoring: bool = False
    """Whether the image's statistics and embedding are given too."""

    def asked(self, attributes: str) -> "Options":
        """Return these options as changed by a request's custom attributes.

        Raises
        ------
        RequestRefused
            400: one of them has a value that makes no sense.
        """
        return _changed(self, attributes) if attributes else self


@lru_cache(maxsize=256)  # most callers ask for the same every time
def _changed(found: Options, attributes: str) -> Options:
    for attribute in _SEPARATORS.split(attributes):
        name, _, value = (part.strip().lower() for part in attribute.partition("="))
        if name == "top_k":
            if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= TOP_LIMIT:
                raise _refused(name, value, f"a number from 1 to {TOP_LIMIT}")
            found = replace(found, top=int(value))
        elif name == "monitoring":
            if value not in _SWITCH:
                raise _refused(name, value, "true or false")
            found = replace(found, monitoring=_SWITCH[value])
    return found


def _refused(name: str, value: str, wanted: str) -> RequestRefused:
    return RequestRefused(
        f"The custom attribute {name} is {value[:50]!r}; it can be {wanted}.",
        code="invalid_option",
        status=400,
        hint="Mend it or leave it out.",
    )
