"""The pages of a run: ``index.html`` and one per notebook; each file stands on its own.

Nothing is loaded from elsewhere: styles, pictures and highlighting are inside the files.
"""

import logging
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from nbconvert import HTMLExporter
from pydantic import JsonValue
from pygments.formatters import HtmlFormatter

from visionml.contracts.summary import INDEX_FILE, RunSummary
from visionml.runs.source import Notebook, load

_TEMPLATES = Path(__file__).parent / "templates"
_SHARES = ("accuracy", "probability", "share", "precision", "recall")
_LINKED = re.compile(r'href="(\d\d_\w+)\.ipynb')
_UNITS = {"_ms": "ms", "_seconds": "s", "_usd": "USD"}
_HEADLINES = ("holdout_accuracy", "prediction", "smoke_test_accuracy", "model_version")
"""Shown first; the other figures follow in the order in which they were recorded."""


def write_index(summary: RunSummary, path: Path, *, sources: Sequence[Notebook]) -> None:
    """Write the page that shows a run's figures and links its notebooks."""
    titles = {source.name: source.title for source in sources}
    names = [name for name in _HEADLINES if name in summary.results]
    results = {name: summary.results[name] for name in (*names, *summary.results)}
    template = _templates().get_template("index.html.j2")
    html = template.render(summary=summary, results=results, titles=titles)
    path.write_text(html, encoding="utf-8")


def write_notebook(executed: Path, path: Path, *, sources: Sequence[Notebook]) -> None:
    """Render an executed notebook, with links to the run's other notebooks."""
    names = [source.name for source in sources]
    place = names.index(executed.stem)
    body, _ = _exporter().from_notebook_node(load(executed))
    html = (
        _templates()
        .get_template("notebook.html.j2")
        .render(
            body=_LINKED.sub(r'href="\1.html', body),
            title=sources[place].title,
            index=INDEX_FILE,
            previous=sources[place - 1] if place else None,
            following=sources[place + 1] if place + 1 < len(sources) else None,
        )
    )
    path.write_text(html, encoding="utf-8")


@cache
def _exporter() -> HTMLExporter:
    logger = logging.getLogger("visionml.runs.page")
    logger.setLevel(logging.ERROR)
    return HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic", embed_images=True, exclude_anchor_links=True, log=logger
    )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": format_figure, "label": label}
    environment.globals |= {
        "light": HtmlFormatter(style="friendly").get_style_defs(".highlight"),
        "dark": HtmlFormatter(style="github-dark").get_style_defs(".highlight"),
    }
    return environment


def label(name: str) -> str:
    """Return a figure's name as people write it: ``holdout_accuracy`` is *Holdout accuracy*."""
    words = _without_unit(name)[0].replace("_", " ")
    return words[:1].upper() + words[1:]


def format_figure(value: JsonValue, name: str = "") -> str:
    """Return a figure for people: shares such as accuracies in percent, others with their unit."""
    match value:
        case dict():
            pairs = (f"{label(key).lower()} {format_figure(v, key)}" for key, v in value.items())
            return ", ".join(pairs)
        case list():
            return _listed(value, name)
        case float() if name.endswith(_SHARES) and 0 <= value <= 1:
            return f"{value:.1%}"
        case bool() | None:
            return {True: "yes", False: "no", None: "none"}[value]
        case int() | float():
            number = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
            return f"{number} {_without_unit(name)[1]}".rstrip()
    return str(value)


def _listed(values: list[JsonValue], name: str) -> str:
    if name.endswith("_interval"):
        return " to ".join(f"{value:.1%}" for value in values if isinstance(value, int | float))
    return ", ".join(format_figure(item) for item in values) or "none"


def _without_unit(name: str) -> tuple[str, str]:
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return name.removesuffix(ending), unit
    return name, ""
