"""What an instance type's name says."""

import re

_LOCAL = {"g4dn", "g5", "g6", "g6e", "p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "trn1", "trn1n"}


def has_local_storage(instance_type: str) -> bool:
    """Say whether an instance type such as ``ml.g5.xlarge`` stores on its own disks.

    Those are encrypted by hardware; SageMaker refuses a volume key for them.
    """
    family = instance_type.split(".")[1]
    return family in _LOCAL or re.fullmatch(r"[a-z]+\d+[a-z]*d[a-z]*", family) is not None
