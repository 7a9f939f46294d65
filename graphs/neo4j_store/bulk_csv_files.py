"""CSV files of nodes and relationships, as `neo4j-admin database import full` reads them.

What the tool does, tried on 5.26 and 2026.09: an empty cell is no property, `""` an empty text; a backslash is a
backslash; a text may hold any character, but a file with line breaks inside texts must be named to the tool; a list is
its members joined, so that an empty list and `[""]` are nothing. What such files cannot say is given back, to be written
after the import as any load would write it.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import polars.selectors as cs

from .. import schema
from ..store.protocol import Edges, Nodes

BETWEEN = "\x1f"
"""Between the members of a list: ASCII's unit separator."""

_ROW = 2**20  # bytes of a row that the tool's own buffer, 4 MB, takes for sure
_MOMENT = "%Y-%m-%dT%H:%M:%S%.6f"
_NO_NAME = re.compile(r"\s*|.*[{}()\r\n].*", re.DOTALL)  # of `a (b)` a header takes the `a `
_WORDS: dict[type[pl.DataType], str] = {
    pl.Boolean: "boolean", pl.Date: "date", pl.String: "string", pl.Categorical: "string", pl.Enum: "string",
    pl.Float32: "double", pl.Float64: "double",
    pl.Int8: "long", pl.Int16: "long", pl.Int32: "long", pl.Int64: "long",
    pl.UInt8: "long", pl.UInt16: "long", pl.UInt32: "long",
}  # fmt: skip


class Files:
    """A folder of such files, and what to tell the tool about them.

    Args:
        folder: is there, and its owner's alone: the files name patients.
    Example:
        files = Files(folder)
        files.nodes(Nodes("Gene", genes))
        files.edges(Edges("IN_PATHWAY", "Gene", "Pathway", members))
        files.arguments()      # of the tool, run in that folder
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_nodes = self.n_edges = 0
        self._paths: dict[tuple[str, ...], str] = {}  # what, its headers -> file
        self._broken: list[str] = []  # files with line breaks inside texts
        self._longest = 0

    def nodes(self, nodes: Nodes) -> Nodes:
        """Write nodes. Returns those that the files cannot say in full; they are in the files with their id."""
        label = schema.label(nodes.label)
        text, words, unsaid = encoded(nodes.rows, "id")
        self._write(f"nodes={label}", text, {"id": f"id:ID({label})"} | words)
        self.n_nodes += text.height
        return Nodes(label, nodes.rows.filter(unsaid))

    def edges(self, edges: Edges) -> Edges:
        """Write relationships. Returns those that the files cannot say; they are not in the files."""
        type, start, end = (
            schema.relationship(edges.type).type,
            schema.label(edges.start_label),
            schema.label(edges.end_label),
        )
        text, words, unsaid = encoded(edges.rows, "start", "end")
        text = text.filter(~unsaid)
        self._write(f"relationships={type}", text, {"start": f":START_ID({start})", "end": f":END_ID({end})"} | words)
        self.n_edges += text.height
        return Edges(type, start, end, edges.rows.filter(unsaid))

    def arguments(self) -> list[str]:
        """Options and files, relative to the folder; each file begins with its own header."""
        options = ["--id-type=string", f"--array-delimiter=U+{ord(BETWEEN):04X}", "--report-file=./bad.report"]
        if self._broken:
            options += ["--multiline-fields-format=v2", f"--multiline-fields={','.join(self._broken)}"]
        if self._longest > _ROW:
            options.append(f"--read-buffer-size={4 * self._longest}")
        return options + [f"--{what}={path}" for (what, *_), path in self._paths.items()]

    def _write(self, what: str, text: pl.DataFrame, head: dict[str, str]) -> None:
        """Rows with line breaks go to files of their own: the tool reads those more slowly."""
        texts = text.select(cs.string())
        breaks = [cs.string().str.contains(mark, literal=True).name.suffix(mark) for mark in "\n\r"]
        broken = texts.select(breaks).select(n=pl.any_horizontal(pl.all()).fill_null(False))["n"]
        self._append((what, *head.values()), text.filter(~broken).rename(head))
        if broken.any():
            path = self._append((what, *head.values(), "\n"), text.filter(broken).rename(head))
            self._broken += [] if path in self._broken else [path]
        longest = texts.select(pl.all().str.len_bytes().max().fill_null(0)).sum_horizontal()
        self._longest = max(self._longest, *longest)

    def _append(self, key: tuple[str, ...], rows: pl.DataFrame) -> str:
        fresh = key not in self._paths
        # `./`: without it one version or the other does not find the files with line breaks
        path = self._paths.setdefault(key, f"./{len(self._paths):04}-{key[0].split('=')[1]}.csv")
        with (self.folder / path).open("ab") as file:
            rows.write_csv(file, include_header=fresh, datetime_format=_MOMENT, date_format="%Y-%m-%d")
        return path


def encoded(rows: pl.DataFrame, *keys: str) -> tuple[pl.DataFrame, dict[str, str], pl.Series]:
    """The cells as the files hold them; property -> its header; which rows have a cell that the files cannot say.

    Args:
        keys: columns that are text and no properties.
    """
    rows = rows.with_columns(cs.float().fill_nan(None))
    words: dict[str, str] = {}
    cells, unsaid = [rows[key] for key in keys], [pl.repeat(False, rows.height)]
    for name, kind in rows.drop(keys).schema.items():
        word, value = _word(kind), pl.col(name)
        if word is None or _NO_NAME.fullmatch(name):
            unsaid.append(value.is_not_null())
            continue
        words[name] = f"{name}:{word}"
        cells.append(rows.select(_cell(value, kind, rows[name]))[name])
        if isinstance(kind, pl.List):
            unsaid.append(_lost(value, kind))
    mask = rows.select(n=pl.any_horizontal(unsaid).fill_null(False))["n"]
    return pl.DataFrame(cells), words, mask


def _word(kind: pl.DataType) -> str | None:
    """What a header calls values of this type; None where it has no word for them."""
    match kind:
        case pl.List():
            inner = _word(pl.Null() if isinstance(kind.inner, pl.List) else kind.inner)  # type: ignore[arg-type]
            return inner and f"{inner}[]"
        case pl.Datetime():
            return None if kind.time_zone else "localdatetime"
        case _:
            return _WORDS.get(kind.base_type())


def _cell(value: pl.Expr, kind: pl.DataType, values: pl.Series) -> pl.Expr:
    match kind:
        case pl.List():
            return value.list.eval(_text(pl.element(), kind.inner)).list.join(BETWEEN)
        case pl.Float32() | pl.Float64():
            return _text(value, kind) if values.is_infinite().any() else value.cast(pl.Float64)
        case pl.Datetime():
            return value.cast(pl.Datetime("us"))
        case pl.Categorical() | pl.Enum():
            return value.cast(pl.String)
        case _:
            return value


def _text(value: pl.Expr, kind: object) -> pl.Expr:
    """Each value as text, as Java reads it."""
    if isinstance(kind, pl.Datetime):
        return value.cast(pl.Datetime("us")).dt.strftime(_MOMENT)
    if kind in (pl.Float32, pl.Float64):
        return value.cast(pl.Float64).cast(pl.String).str.replace("inf", "Infinity", literal=True)
    return value.cast(pl.String)


def _lost(value: pl.Expr, kind: pl.List) -> pl.Expr:
    """Lists that would come back as others: empty ones, those that hold a null, an empty text alone, or BETWEEN."""
    lost = (value.list.len() == 0) | value.list.eval(pl.element().is_null()).list.any()
    if kind.inner == pl.String:
        lost |= (value.list.len() == 1) & (value.list.first() == "")
        lost |= value.list.eval(pl.element().str.contains(BETWEEN, literal=True)).list.any()
    return lost
