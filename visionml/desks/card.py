"""Small results that show themselves well: as text in a terminal, as a table in a notebook."""

from collections.abc import Mapping
from html import escape
from typing import Any


class Card:
    """A title and named values."""

    def __init__(self, title: str, rows: Mapping[str, Any]) -> None:
        self.title = title
        self.rows = dict(rows)

    def __repr__(self) -> str:
        width = max((len(name) for name in self.rows), default=0)
        lines = [f"  {name:<{width}}  {value}" for name, value in self.rows.items()]
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
            for name, value in self.rows.items()
        )
        return f"<table><caption>{escape(self.title)}</caption><tbody>{rows}</tbody></table>"
