"""What EC2 instance types have, by their names."""

import re

from visionml.local.batch.placement import Ask

_NAME = re.compile(r"(?P<kind>[a-z]+)\d[\w-]*\.(?:(?P<times>\d*)xlarge|(?P<size>\w+))")
_GIB_OF_VCPU = {"c": 2, "m": 4, "r": 8, "x": 16, "z": 8, "i": 8, "t": 4, "g": 4, "p": 8, "a": 2}
_SMALL = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2}


def sizes(types: list[str]) -> list[Ask] | None:
    """Return what the largest jobs on each type may need; None where a family has any size.

    Memory follows from the family's usual ratio to vCPUs.
    """
    found: list[Ask] = []
    for name in types:
        match = _NAME.fullmatch(name)
        if match is None:  # "optimal", or a family
            return None
        if match["size"] is not None and match["size"] not in _SMALL:  # "metal"
            return None
        vcpus = _SMALL[match["size"]] if match["size"] else 4 * int(match["times"] or 1)
        found.append(Ask(vcpus, 1024 * vcpus * _GIB_OF_VCPU.get(match["kind"][0], 4)))
    return found
