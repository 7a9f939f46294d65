"""Cells of hourly tables -> events, and properties of who they are about; what is no input is told from what is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from ...errors import InputError
from ...files.cells.clock import relative
from ...files.cells.number_words import missing_words, misspelt
from ...files.column_types import named_like_an_id, typed_and_told
from ...files.ledger import ROW, Ledger, refuse
from ...files.losses import TEXT
from ...files.rows import CONTROL, LONGEST, repeated
from ...identifiers.curie import codes
from ...identifiers.property_names import is_reserved, safe_names
from ...specs import Records
from ...tables import EVENTS, NEVER, VISITS, Loaded, PolarsType, in_layout
from .columns import SUBJECTS, Layout, sounds_like_outcome, spelt

CELLS: dict[str, PolarsType] = {
    ROW: pl.Int64, "stay": pl.Categorical, "hours": pl.Float64, "over": pl.Float64, "name": pl.Categorical,
    "value": pl.Float64, "cell": pl.String, "unit": pl.Categorical,
}  # fmt: skip
"""One line a cell: the column or parameter that it is of, the cell, the number that it is. over: when it was known, if
a column says so."""
STAYS = {
    "rows": pl.len(), "times": pl.col("hours").n_unique(), "first": pl.col("hours").min(),
    "last": pl.col("hours").max(), "over": pl.col("over").max(),
    "whole": pl.col("hours").eq(pl.col("hours").round()).all(), "days": pl.col("hours").mod(24.0).eq(0.0).all(),
}  # fmt: skip
"""What is kept of the rows of a stay."""
_MOST, _TWO, _LISTED, _SAMPLE = 0.5, 2, 6, 200


_STAY = "\0stay"
"""As no column of a file is called."""
VALUE, LABEL, KEEP, ID, UNREAD = range(5)
"""What a cell is of."""


@dataclass(frozen=True)
class Parts:
    """What each column or parameter is: values and labels become events, keep properties; ids and text are not read."""

    values: frozenset[str]
    labels: frozenset[str]
    keep: tuple[str, ...]
    ids: frozenset[str]
    text: frozenset[str]

    def kinds(self, cells: pl.DataFrame) -> pl.DataFrame:
        """The cells with `kind`."""
        names = cells["name"].unique()
        told = {KEEP: self.keep, LABEL: self.labels, VALUE: self.values, ID: self.ids}
        kind = {name: number for number, group in told.items() for name in group}
        kinds = pl.Series("kind", [kind.get(str(name), UNREAD) for name in names], dtype=pl.UInt8)
        return cells.join(names.to_frame().with_columns(kinds), on="name", how="left", maintain_order="left")


def tables(stays: pl.DataFrame, cells: pl.DataFrame, spec: Records, layout: Layout, ledger: Ledger) -> Loaded:
    """Events, and patients or visits.

    Args:
        stays: stay, subject_id and STAYS, a stay several times where it lies in several batches.
        cells: CELLS of all rows that were kept.
    """
    stays = _each_once(stays)
    lasts = _lasts(stays, layout)
    parts = _parts(cells, stays, spec, layout)
    _count(parts, stays, lasts, spec, ledger)
    cells = parts.kinds(cells)
    if layout.long:
        cells = _rows_told(cells, parts, layout, ledger)
    cells = _words(cells, ledger)
    properties = _properties(cells, parts.keep, stays, spec, layout, ledger)
    events = _events(cells, parts, stays, lasts, spec, layout, ledger)
    until = stays.select(pl.coalesce("over", pl.col("last") + lasts)).to_series()
    observed = _time(stays["first"], layout), _time(until, layout)
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        patients=_patients(stays, *observed, properties) if layout.visit is None else None,
        visits=_visits(stays, *observed, properties, spec) if layout.visit is not None else None,
        events=events,
        clock="relative",
        counts=ledger.counts,
        cells=ledger.cell_tally(),
        losses=ledger.losses,
    )


def _each_once(stays: pl.DataFrame) -> pl.DataFrame:
    """Each stay once."""
    return stays.group_by("stay", maintain_order=True).agg(
        pl.col("subject_id").first(), pl.col("rows").sum(),
        ((pl.col("rows") > pl.col("times")).any() | (pl.len() > 1)).alias("again"),
        pl.col("first").min(), pl.col("last").max(), pl.col("over").max(), pl.col("whole", "days").all(),
    )  # fmt: skip


def _lasts(stays: pl.DataFrame, layout: Layout) -> float:
    """How many hours a row lasts: it is known when it is over. 0 where the times are moments."""
    if layout.known_time is not None:
        return 0.0
    if layout.unit == "days" and stays["days"].all():
        return 24.0
    return 1.0 if stays["whole"].all() else 0.0


def _parts(cells: pl.DataFrame, stays: pl.DataFrame, spec: Records, layout: Layout) -> Parts:
    """What each name is: by the section, else by what it is called, else by what it holds."""
    seen = cells.group_by("name").agg(numbers=pl.col("value").count(), there=pl.len())
    names = dict(zip(seen["name"].cast(pl.String), seen["numbers"] > _MOST * seen["there"], strict=True))
    for key in ("keep", "labels", "values"):
        for name in getattr(spec, key):
            if name not in names and (layout.long or name not in layout.columns):
                expected = "a parameter" if layout.long else "a column"
                fix = f"correct `{key}`"
                raise InputError("nothing is called so", f"[{spec.source}] {key}", name, expected, fix)
    told = {*spec.keep, *spec.labels, *spec.values}
    free = [name for name in names if name not in told]
    labels = {name for name in free if sounds_like_outcome(name)}
    static = {name for name in _static(cells, stays) - labels - told if spelt(name) not in SUBJECTS}
    ids = {name for name in free if named_like_an_id(name) or spelt(name) in SUBJECTS} - labels - static
    text = set() if layout.long else {name for name in free if not names[name]} - labels - static - ids
    rest = set() if spec.values else {*free} - labels - static - ids - text
    return Parts(
        frozenset(rest | {*spec.values}), frozenset(labels | {*spec.labels}),
        (*spec.keep, *sorted(static)), frozenset(ids), frozenset(text),
    )  # fmt: skip


def _static(cells: pl.DataFrame, stays: pl.DataFrame) -> set[str]:
    """Names that describe a stay: one thing in each of its rows, or one thing at hour 0 alone, and not the same in all stays.

    That is what age and sex look like, and an outcome that stands in every row: neither is a value that was measured.
    """
    lasting = stays.filter(pl.col("last") > pl.col("first"))
    some = lasting["stay"].head(_SAMPLE).cast(pl.Categorical).implode()
    if lasting.height > _SAMPLE:  # most names are told apart by a few stays
        sample = _static_of(cells.filter(pl.col("stay").is_in(some)), stays).rename({"static": "may"})
        names = cells["name"].unique().to_frame().join(sample, on="name", how="left")
        cells = cells.join(names.filter(pl.col("may").fill_null(True)), on="name", how="semi")
    found = _static_of(cells, stays)
    found = found.filter(pl.col("static") & (pl.col("stays") >= _TWO) & (pl.col("differ") > 1))
    return set(found["name"].cast(pl.String))


def _static_of(cells: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """name, static: whether no stay contradicts it; stays: how many say it; differ: how many different things."""
    each = cells.group_by("name", "stay").agg(
        n=pl.len(), differ=pl.col("cell").n_unique(), cell=pl.col("cell").first(), at_0=(pl.col("hours") == 0).all(),
        hours=pl.col("hours").n_unique(),
    )  # fmt: skip
    rows = stays.select(pl.col("stay").cast(pl.Categorical), "rows", "first", "last")
    each = each.join(rows, on="stay", how="left")
    lasting = pl.col("last") > pl.col("first")
    one = (pl.col("differ") == 1) & (
        pl.col("at_0") | ~lasting | ((pl.col("n") == pl.col("rows")) & (pl.col("hours") > 1))
    )
    return each.group_by("name").agg(static=one.all(), stays=lasting.sum(), differ=pl.col("cell").n_unique())


def _count(parts: Parts, stays: pl.DataFrame, lasts: float, spec: Records, ledger: Ledger) -> None:
    """What was decided without the user, in words."""
    told = {*spec.keep, *spec.labels, *spec.values}

    def listed(names: Collection[str]) -> str:
        some = sorted(set(names) - told)
        return f"{', '.join(some[:_LISTED])}{', …' if len(some) > _LISTED else ''}"

    for names, what in (
        (parts.labels, "columns called like outcomes, no inputs ({}); `values` makes them inputs"),
        (
            parts.keep,
            "columns that say one thing in all of a stay, taken for properties ({}); `values` makes them inputs",
        ),
        (parts.ids, "columns called like ids, not read ({}); `values` or `keep` takes them"),
        (parts.text, "columns of text, not read ({}); `keep` takes what describes a stay"),
    ):
        ledger.count({what.format(listed(names)): len(set(names) - told)})
    if lasts:
        what = "a day" if lasts > 1 else "an hour"
        ledger.count(
            {f"rows sum {what} up: known when it is over; `known_time` says otherwise": int(stays["rows"].sum())}
        )


def _rows_told(cells: pl.DataFrame, parts: Parts, layout: Layout, ledger: Ledger) -> pl.DataFrame:
    """Of a long table the rows that bring something: what repeats the stay's id or a property merges, what is not read,
    or says another property than the first, is rejected."""
    at, kind = layout.names or "", pl.col("kind")
    ids = cells.select(kind == ID).to_series().arg_true()
    says = pl.col("cell").str.strip_suffix(".0") == pl.col("stay").cast(pl.String)
    same = ids.filter(cells[ids].select(says.fill_null(False)).to_series())
    ledger.merged(same.len())
    if same.len():
        other = pl.repeat(True, cells.height, eager=True).scatter(same, False)
        cells = cells.filter(other)
    expected, fix = "what `values`, `labels` or `keep` names", "name it there, if it is wanted"
    cells = refuse(cells, kind >= ID, ledger, at, got="name", expected=expected, fix=fix)
    kept = kind == KEEP
    if not parts.keep:
        return cells
    order = cells.filter(kept).sort("hours", ROW)
    first = pl.col("cell").first().over("stay", "name")
    differs = order.filter(pl.col("cell") != first)
    differs = refuse(
        differs, pl.lit(True), ledger, at, got="name", expected="one value a stay", fix="the first one is kept"
    )
    once = order.unique(["stay", "name"], keep="first", maintain_order=True)
    ledger.merged(order.height - once.height - int((order["cell"] != order.select(first).to_series()).sum()))
    return pl.concat([cells.filter(~kept), once])


def _words(cells: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The cells without those that are misspelt numbers or words for nothing; other words stay, as results in words."""
    used = cells.filter(pl.col("kind") <= KEEP)
    odd = used.filter(pl.col("value").is_null() & (pl.col("kind") < KEEP))
    there = dict(used.group_by("name").agg(pl.len()).select(pl.col("name").cast(pl.String), "len").iter_rows())
    lost: list[pl.Series] = []
    for (name,), part in odd.partition_by("name", as_dict=True, maintain_order=True).items():
        gone = misspelt(part["cell"]) | missing_words(part["cell"])
        column, of = str(name), there[str(name)]
        ledger.unread(part[ROW], column, part["cell"], gone, "a number", whole=True, of=of)
        ledger.unread(part[ROW], column, part["cell"], ~gone, "a number", said=TEXT, of=of)
        lost.append(
            pl.DataFrame({ROW: part[ROW], "name": part["name"]}).filter(gone).select(pl.struct(ROW, "name")).to_series()
        )
    ledger.cells(used.height, used.height - sum(one.len() for one in lost))
    if not lost:
        return used
    gone_cells = pl.concat([one.struct.unnest() for one in lost])
    return used.join(gone_cells, on=[ROW, "name"], how="anti", maintain_order="left")


def _properties(
    cells: pl.DataFrame, keep: tuple[str, ...], stays: pl.DataFrame, spec: Records, layout: Layout, ledger: Ledger
) -> pl.DataFrame:
    """(stays,) a column for each kept name: the first thing that it says of the stay."""
    found = cells.filter(pl.col("kind") == KEEP).sort("hours", ROW)
    once = found.unique(["stay", "name"], keep="first", maintain_order=True)
    mine = stays.select(pl.col("stay").alias(_STAY))
    said = once.select(pl.col("stay").cast(pl.String).alias(_STAY), pl.col("name").cast(pl.String), "cell", ROW)
    table = mine.join(
        said.drop(ROW).pivot("name", index=_STAY, values="cell"), on=_STAY, how="left", maintain_order="left"
    )
    rows = mine.join(said.group_by(_STAY).agg(pl.col(ROW).min()), on=_STAY, how="left", maintain_order="left")[ROW]
    columns = table.select(name for name in keep if name in table.columns)
    kept = typed_and_told(columns, rows.fill_null(0), ledger, spec.categorical)
    told = found.join(once.select("stay", "name", same="cell"), on=["stay", "name"], how="left")
    change = told.filter(pl.col("cell") != pl.col("same"))
    ledger.count({"cells of properties that change within a stay, of which the first counts": change.height})
    reserved = safe_names(kept.columns, lambda name: is_reserved(name) or name.lower() in VISITS)
    return kept.rename(reserved)


def _events(
    cells: pl.DataFrame, parts: Parts, stays: pl.DataFrame, lasts: float, spec: Records, layout: Layout, ledger: Ledger
) -> pl.DataFrame:
    """The events, each once; of a long table equal rows merge."""
    text = pl.when(pl.col("value").is_null()).then(pl.col("cell").str.strip_chars())
    found = cells.filter(pl.col("kind") < KEEP).with_columns(text.alias("text"))
    once = found
    if layout.long or stays["again"].any():
        same = ["stay", "hours", "name", "value", *(c for c in ("over", "text", "unit") if found[c].count())]
        twice = repeated(found.select(same).hash_rows())  # only what has a twin is compared cell by cell
        if twice.any():
            once = pl.concat([found.filter(~twice), found.filter(twice).unique(same, keep="first")])
    if layout.long:
        ledger.merged(found.height - once.height)
    names = once["name"].unique().cast(pl.String)
    curies = _codes(names, layout.vocabulary, ledger)
    table = pl.DataFrame({"name": names, "code": curies}).with_columns(
        label=pl.col("name").is_in(list(parts.labels)),
        own=pl.col("name").replace_strict(spec.values, default=None, return_dtype=pl.String),
    )
    owners = stays.sort("subject_id", maintain_order=True).with_row_index("place")
    owners = owners.select(pl.col("stay").cast(pl.Categorical), "subject_id", "place")
    rows = once.join(
        table.with_columns(pl.col("name").cast(pl.Categorical)), on="name", how="left", maintain_order="left"
    )
    rows = rows.join(owners, on="stay", how="left", maintain_order="left")
    rows = rows.sort("place", "hours", ROW)  # numbers sort faster than texts
    expected = f"a code of {layout.vocabulary}"
    rows = refuse(
        rows, pl.col("code").is_null(), ledger, layout.names or "", got="name", expected=expected, fix="correct it"
    )
    known = _time(rows.select(pl.coalesce("over", pl.col("hours") + lasts)).to_series(), layout)
    rows = rows.select(
        "subject_id", _time(rows["hours"], layout).alias("time"), "code",
        numeric_value="value", text_value="text",
        known_time=pl.when(~pl.col("label")).then(known).otherwise(pl.lit(NEVER)),
        visit_id=pl.col("stay").cast(pl.String) if layout.visit else pl.lit(None, pl.String),
        unit=pl.coalesce(pl.col("unit").cast(pl.String), pl.when(pl.col("own") != "").then("own")),
        source=pl.lit(spec.source),
    )  # fmt: skip
    events = in_layout(rows, EVENTS)
    return events if layout.visit is None else events.sort("subject_id", "time", maintain_order=True)


def _codes(names: pl.Series, vocabulary: str, ledger: Ledger) -> pl.Series:
    """The codes of names; a name of ours (`VALUE:`) is what the file says: Na is sodium, and no word for nothing."""
    if vocabulary != "VALUE":
        found, changed = codes(names, vocabulary)
        ledger.count(changed)
        return found
    whole = ~names.str.contains(CONTROL) & (names.str.len_chars() < LONGEST - len("VALUE:"))
    return ("VALUE:" + names).set(~whole, None)


def _time(hours: pl.Series, layout: Layout) -> pl.Series:
    return relative(hours, "hours", layout.where)[0]


def _patients(stays: pl.DataFrame, first: pl.Series, until: pl.Series, properties: pl.DataFrame) -> pl.DataFrame:
    observed = [first.alias("observed_from"), until.alias("observed_until")]
    return stays.select("subject_id", *observed).hstack(properties)


def _visits(
    stays: pl.DataFrame, first: pl.Series, until: pl.Series, properties: pl.DataFrame, spec: Records
) -> pl.DataFrame:
    about = {"kind": pl.lit("stay"), "source": pl.lit(spec.source)}
    times = [first.alias("start_time"), until.alias("end_time")]
    return stays.select(pl.col("stay").alias("visit_id"), "subject_id", *times, **about).hstack(properties)
