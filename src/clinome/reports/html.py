"""Self-contained HTML pages from templates: figures lie inside as SVG, a navigation is made of the headings."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.console import visible
from clinome.loaders.files.atomic import write_atomic
from clinome.reports.captions import CAPTION, LEAD
from clinome.reports.format import brief, fraction, interval, number, p_value, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAVIGATION = "<!-- navigation -->"


def write_page(template: str, out: Path, **given: Any) -> Path:
    """Render a template of `templates/` into a file, replaced at once and never half written.

    Args:
        given: the names that the template asks for; one that is missing is an error.
    Returns: out.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    shelf = PackageLoader("clinome.reports", "templates")
    room = Environment(
        loader=shelf, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=shown
    )
    room.filters.update(
        number=number, p=p_value, interval=interval, share=percent, anchor=anchor, fraction=fraction, brief=brief
    )
    room.globals.update(lead=LEAD, caption=CAPTION)
    page = room.get_template(template).render(**given)
    write_atomic(out, page.replace(_NAVIGATION, _navigation(page)).encode("utf-8", "replace"))
    return out


def shown(value: object) -> object:
    """What a template writes: text as `clinome.console.visible` shows it, everything else as it is."""
    return type(value)(visible(value)) if isinstance(value, str) else value


def anchor(title: str) -> str:
    """The id of a heading: `decision-curve` of "Decision curve: treat all, treat none"."""
    return re.sub(r"[^a-z0-9]+", "-", title.partition(":")[0].lower()).strip("-")


def _navigation(page: str) -> str:
    """A link to every heading of the page."""
    found = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', page)
    links = "\n".join(f'<a href="#{where}">{title.partition(":")[0]}</a>' for where, title in found)
    return f'<nav aria-label="Sections">\n{links}\n</nav>'


def svg(figure: Figure) -> str:
    """The figure as one <svg> element named by its label for readers who do not see it, the same bytes every time."""
    import matplotlib as mpl

    from clinome.plots.style import STYLE

    text, what = StringIO(), str(figure.get_label())
    with mpl.rc_context({**STYLE, "svg.hashsalt": what}):  # ids must differ between the figures of one page
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    markup = visible(text.getvalue())
    markup = markup[markup.index("<svg") :].strip()
    markup = re.sub(r'<g id="[^"]*"', "<g", markup)  # figure_1, axes_1 would come once a figure
    markup = re.sub(r"font(-family)?: ([^;\"]*?)('[^\";]*sans-serif)", r"font\1: \2inherit", markup)
    markup = re.sub(r' xmlns:xlink="[^"]*"', "", markup).replace("xlink:href", "href")
    width, height = (float(v) for v in re.findall(r'(?:width|height)="([\d.]+)pt"', markup)[:2])
    label = what.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    head = f'<svg role="img" aria-label="{label}" style="max-width:{width * 4 / 3:.0f}px" viewBox="0 0 {width:g} {height:g}"'
    return re.sub(r"^<svg[^>]*>", head + ' xmlns="http://www.w3.org/2000/svg">', markup)
