"""Self-contained HTML pages from templates: figures lie inside as SVG, a navigation is made of the headings."""

from __future__ import annotations

import re
from html import escape, unescape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.console import visible
from clinome.loaders.files.atomic import write_atomic
from clinome.reports.captions import CAPTION, LEAD
from clinome.reports.format import brief, fraction, interval, metric_value, number, p_value, percent

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
        number=number,
        p=p_value,
        interval=interval,
        share=percent,
        anchor=anchor,
        fraction=fraction,
        brief=brief,
        metric=metric_value,
    )
    room.globals.update(lead=LEAD, caption=CAPTION)
    page = room.get_template(template).render(**given)
    page = _accessible(page.replace(_NAVIGATION, _navigation(page)))
    write_atomic(out, page.encode("utf-8", "replace"))
    return out


def _accessible(page: str) -> str:
    """What a screen reader and a keyboard need, the same on every page: scopes of heads, tables that scroll as named regions
    that take the focus, and a way past the navigation."""
    page = re.sub(r"<th(?=[ >])", '<th scope="col"', page)
    page = re.sub(r"<caption>(.*?)</caption>", r"<caption><span>\1</span></caption>", page, flags=re.DOTALL)
    page = page.replace("<main>", '<main id="main">', 1)
    page = page.replace("<body>", '<body>\n<a class="skip" href="#main">Skip to the results</a>', 1)
    return re.sub(
        r'<div class="scroll"><table(?: [^>]*)?>\s*(?:<caption>(.*?)</caption>)?', _region, page, flags=re.DOTALL
    )


def _region(found: re.Match[str]) -> str:
    """The box of a table that scrolls, named by the first sentence of its caption."""
    what = unescape(re.sub(r"<[^>]+>", "", found[1] or "Table")).strip().partition(". ")[0]
    label = escape(what if len(what) <= 80 else f"{what[:79]}…")
    return found[0].replace(
        '<div class="scroll">', f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">', 1
    )


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
    return inline(drawn(figure), str(figure.get_label()))


def drawn(figure: Figure) -> str:
    """The figure as an SVG file: text as text, named by its label, without a date, the same bytes every time."""
    import matplotlib as mpl

    from clinome.plots.style import STYLE

    text, what = StringIO(), str(figure.get_label())
    with mpl.rc_context(
        {**STYLE, "svg.hashsalt": f"{what} {figure.get_figwidth()}"}
    ):  # ids differ between figures of a page
        about = {"Title": what, **dict.fromkeys(("Date", "Creator", "Format", "Type"))}
        figure.savefig(text, format="svg", transparent=True, metadata=about)
    return visible(text.getvalue())


def inline(markup: str, what: str, shown_as: str = "") -> str:
    """An SVG file as an element of a page: sized by the page, its ink and grey those of the page, light or dark.

    Args:
        markup: of `drawn`. what: alternative text. shown_as: its class: "wide" or "small" pages.
    """
    markup = markup[markup.index("<svg") :].strip()
    markup = re.sub(r"\s*<metadata>.*?</metadata>", "", markup, flags=re.DOTALL)
    markup = re.sub(r"\s*<title>.*?</title>", "", markup, count=1, flags=re.DOTALL)
    markup = re.sub(r'<g id="[^"]*"', "<g", markup)  # figure_1, axes_1 would come once a figure
    markup = re.sub(r"font(-family)?: ([^;\"]*?)('[^\";]*sans-serif)", r"font\1: \2inherit", markup)
    markup = re.sub(r' xmlns:xlink="[^"]*"', "", markup).replace("xlink:href", "href")
    markup = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", re.sub(r"\s+", " ", tag[0])), markup)
    for colour, variable in _COLOURS.items():
        markup = markup.replace(colour, f"var(--{variable})")
    width, height = (float(v) for v in re.findall(r'(?:width|height)="([\d.]+)pt"', markup)[:2])
    label = what.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    kind = f' class="{shown_as}"' if shown_as else ""
    head = f'<svg{kind} role="img" aria-label="{label}" style="max-width:{width * 4 / 3:.0f}px" viewBox="0 0 {width:g} {height:g}"'
    return re.sub(r"^<svg[^>]*>", head + ' xmlns="http://www.w3.org/2000/svg">', markup)


_COLOURS = {"#1f2933": "ink", "#6b7785": "mark", "#d9dee4": "line", "#0072b2": "blue"}
"""Colours of `clinome.plots.style` that are the page's own: INK, SOFT, PALE, BLUE."""
