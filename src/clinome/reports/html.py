"""Self-contained HTML pages from templates: numbers as people write them, replaced at once, never half written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clinome.loaders.files.atomic import write_atomic
from clinome.reports.figures import p_text
from clinome.reports.headline import interval


def write_page(template: str, out: Path, **given: Any) -> Path:
    """Render a template of `templates/` into a file. A name that the template asks for and is not given is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    shelf = PackageLoader("clinome.reports", "templates")
    room = Environment(loader=shelf, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    room.filters.update(number=number, p=p_text, interval=interval, share=lambda v: f"{v:.0%}")
    page = room.get_template(template).render(**given)
    write_atomic(out, page)
    return out


def number(value: Any, digits: int = 3) -> str:
    """`1,234`, `0.123`, and – for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    text = f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"
    return text.replace("-", "−")
