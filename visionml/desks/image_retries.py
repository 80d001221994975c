"""Images that nobody has looked at, tried again by hand."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pandas as pd

from visionml.aws.functions import call, patient
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput

Asked = Literal["failed", "accepted"]

_FUNCTION = "image_retrier"
_AT_ONCE = 500
_UNKNOWN = "unknown"
"""There is no such image."""


def retry(platform: Platform, images: Sequence[str] | None, status: Asked | None) -> pd.DataFrame:
    """Have images tried again; see ``Images.retry``."""
    if (images is None) == (status is None):
        raise InvalidInput(
            "Name either images or a status.", hint="The statuses are failed and accepted."
        )
    client, name = patient(platform.aws), platform.names.function(_FUNCTION)
    outcomes = dict.fromkeys(images or (), _UNKNOWN)
    for order in _orders(images, status):
        done = False
        while not done:
            answer = call(client, name, order)
            for outcome, ids in answer["outcomes"].items():
                outcomes.update(dict.fromkeys(ids, outcome))
            # what was accepted stays so while it is looked at: asked again, it would be tried again
            done = answer["done"] or status != "failed"
    rows = pd.DataFrame(list(outcomes.items()), columns=pd.Index(["image", "outcome"]))
    return rows.set_index("image")


def _orders(images: Sequence[str] | None, status: Asked | None) -> Iterator[dict[str, Any]]:
    if status is not None:
        yield {"status": status}
    for start in range(0, len(images or ()), _AT_ONCE):
        yield {"images": list((images or ())[start : start + _AT_ONCE])}
