"""Figures and tables of a page as files beside it: `figures/NAME.svg` and `.pdf`, `tables/NAME.csv`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.loaders.files.atomic import atomic_folder
from clinome.loaders.files.spreadsheet_csv import read_csv, write_csv
from clinome.reports.html import drawn, inline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES, TABLES = "figures", "tables"


class Shelf:
    """Publication files of one page: each figure once as markup for the page, once as SVG, once as PDF; each table as CSV.

    Example:
        shelf = Shelf()
        markup = shelf.figure("controls", lambda: plots.controls(table))
        shelf.write(run)  # figures/controls.svg, figures/controls.pdf
    """

    def __init__(self) -> None:
        self._figures: dict[str, bytes] = {}
        self._tables: dict[str, pl.DataFrame] = {}

    def figure(self, name: str, draw: Callable[[], Figure], narrow: Callable[[], Figure] | None = None) -> str:
        """Markup of a figure, drawn for wide pages and once more for narrow ones; its files are kept until `write`.

        Args:
            name: of its files, in the field's words.
            draw: makes it; called twice.
            narrow: makes what is laid out anew for narrow pages, where that is not the same with fewer ticks.
        Returns: two <svg> elements, of which a page shows the one that fits.
        """
        from clinome.plots.narrow import narrowed

        wide = draw()
        svg = drawn(wide)
        self._figures[f"{name}.svg"] = svg.encode()
        self._figures[f"{name}.pdf"] = _pdf(wide)
        small = drawn(narrowed((narrow or draw)()))
        what = str(wide.get_label())
        return inline(svg, what, "wide") + inline(small, what, "small")

    def table(self, name: str, rows: pl.DataFrame | Sequence[Mapping[str, Any]]) -> None:
        """Keep a table as `tables/NAME.csv`; one without rows is none. Estimates {mean, low, high} become columns."""
        frame = rows if isinstance(rows, pl.DataFrame) else _frame(rows)
        if frame.height and frame.width:
            self._tables[name] = frame

    def csv(self, path: Path, name: str = "") -> None:
        """Keep a table that the run has as a CSV file, under its own or another name; nothing where there is none."""
        if path.exists() and path.stat().st_size:
            self.table(name or path.stem, read_csv(path, infer_schema=False))

    @property
    def files(self) -> dict[str, list[str]]:
        """{"figures": names, "tables": names}, without their endings, in the order of the page."""
        return {
            FIGURES: [name.removesuffix(".svg") for name in self._figures if name.endswith(".svg")],
            TABLES: [*self._tables],
        }

    def write(self, folder: Path) -> None:
        """Write figures/ and tables/ into a folder, each at once in the place of what an earlier page left there."""
        with atomic_folder(folder / FIGURES) as fresh:
            for name, content in self._figures.items():
                (fresh / name).write_bytes(content)
        with atomic_folder(folder / TABLES) as fresh:
            for name, table in self._tables.items():
                write_csv(table, fresh / f"{name}.csv")


def _pdf(figure: Figure) -> bytes:
    """The figure as PDF with its fonts inside, the same bytes every time. It has been laid out before."""
    import matplotlib as mpl

    from clinome.plots.style import STYLE

    out = BytesIO()
    figure.set_layout_engine("none")
    with mpl.rc_context({**STYLE, "pdf.fonttype": 42}):
        about = {"Title": str(figure.get_label()), "CreationDate": None, "Creator": None, "Producer": None}
        figure.savefig(out, format="pdf", metadata=about)
    return out.getvalue()


def _frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    flat = [dict(cell for name, value in row.items() for cell in _cells(name, value)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    return pl.DataFrame([{name: row.get(name) for name in names} for row in flat], infer_schema_length=None)


def _cells(name: str, value: Any) -> list[tuple[str, Any]]:
    """An estimate {mean, low, high} as NAME, NAME_low, NAME_high; a list, such as what single folds had, as one text."""
    if isinstance(value, Mapping):
        return [
            cell for side, one in value.items() for cell in _cells(name if side == "mean" else f"{name}_{side}", one)
        ]
    if isinstance(value, list | tuple):
        return [(name, "; ".join("" if one is None else str(one) for one in value))]
    return [(name, value)]
