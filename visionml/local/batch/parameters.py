"""``Ref::name`` in a job's command."""

import re
from collections.abc import Mapping, Sequence

_REFERENCE = re.compile(r"Ref::([A-Za-z0-9_-]+)")


def substituted(command: Sequence[str], parameters: Mapping[str, str]) -> list[str]:
    """Return a command with its references replaced; one without a parameter stays as it is."""
    return [
        _REFERENCE.sub(lambda found: parameters.get(found[1], found[0]), word) for word in command
    ]
