"""One unit a code, and nothing that cannot be: what every source of records passes behind its reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ..files.cells.number_words import Reason
from ..files.ledger import MISSING_CELL, REJECTS, total
from ..files.losses import IMPOSSIBLE, Loss
from ..records.events import told_units
from ..tables import Loaded, PolarsType, Tally, in_layout
from .measures import Measure, measure, sentinels
from .units import Linear, conversion, is_plain, spelled

FOREIGN, MANY = 0.1, 20
"""Numbers without a unit of which more than this share cannot be, of so few more than half, are in something else, scaled
perhaps: they are left."""
_DIGITS = 12  # of a converted number: what a conversion adds beyond them is noise
_NO_UNIT = ""


@dataclass(frozen=True)
class _Step:
    """What becomes of the numbers of one code in one unit: times `factor` plus `offset`, kept as `kept`.

    spans: where they can be, in their own unit; none: anywhere.
    """

    code: str
    unit: str
    n: int
    change: Linear
    kept: str
    spans: tuple[tuple[float, float], ...] = ()
    expected: str = ""


def in_one_unit(loaded: Loaded) -> Loaded:
    """The source with its measurements in one unit a code, and without the values that cannot be.

    A code that measures.toml knows is kept in its unit there; another whose numbers come in several units of one
    dimension in the commonest of them. What does not convert stays in its own unit, and is another input than the rest.
    A value that cannot be (a pH of 70, -1 for missing) leaves its event without a number: counted in `losses`, noted
    in `rejects`; what is merely rare stays.
    """
    events = loaded.events
    if events is None or not events["numeric_value"].count():
        return loaded
    steps, counts = _steps(events)
    judged = _judged(events, steps)
    lost = judged.filter("bad", ~pl.col("foreign"))
    events = _converted(_without(events, lost["at"]), steps)
    n, cells = lost.height, loaded.cells
    if n and cells.written >= n:
        cells = Tally(cells.read, cells.written - n, cells.merged, cells.rejected + n)
    return replace(
        loaded,
        events=events,
        counts={**loaded.counts, **total([counts, _foreign(judged), told_units(events)])},
        cells=cells,
        losses=(*loaded.losses, *_losses(lost)),
        rejects=pl.concat([loaded.rejects, _rejects(lost, loaded.source)]),
    )


def _steps(events: pl.DataFrame) -> tuple[list[_Step], dict[str, int]]:
    """What is to be done for each code and unit, and in words what is done."""
    numbers = events.filter(pl.col("numeric_value").is_not_null())
    spelt = pl.col("unit").str.strip_chars().fill_null(_NO_UNIT)
    found = numbers.group_by("code", unit=spelt).len("n").sort("code", "n", "unit", descending=[False, True, False])
    steps: list[_Step] = []
    counts: dict[str, int] = {}
    for (code,), rows in found.group_by("code", maintain_order=True):
        units = dict(rows.select("unit", "n").iter_rows())
        known = measure(str(code))
        made = _of_measure(known, str(code), units) if known is not None else _of_commonest(str(code), units)
        steps += made
        counts |= _said(made)
        if known is not None:
            counts |= _apart(known, str(code), units, {step.unit for step in made})
    return steps, counts


def _of_measure(known: Measure, code: str, units: Mapping[str, int]) -> list[_Step]:
    steps = []
    for unit, n in units.items():
        if unit == _NO_UNIT:
            expected = _range(known.low, known.high, known.unit)
            steps.append(_Step(code, unit, n, Linear(1.0), unit, tuple(known.spans()), expected))
        elif (change := known.to_unit(unit)) is not None:
            span = ((known.low - change.offset) / change.factor, (known.high - change.offset) / change.factor)
            steps.append(_Step(code, unit, n, change, known.unit, (span,), _range(*span, unit)))
    return steps


def _of_commonest(code: str, units: Mapping[str, int]) -> list[_Step]:
    """Numbers of a code that no table knows: those of one dimension, in the commonest unit of it."""
    if len(units) < 2:
        return []
    steps: list[_Step] = []
    kept: list[tuple[str, str]] = []
    for unit, n in units.items():
        pint = spelled(unit) if unit != _NO_UNIT else None
        if pint is None:
            continue
        for target, name in kept:
            change = Linear(1.0) if target == pint else None if is_plain(pint) else conversion(pint, target)
            if change is not None:
                steps.append(_Step(code, unit, n, change, name))
                break
        else:
            kept.append((pint, unit))
    return steps


def _said(steps: list[_Step]) -> dict[str, int]:
    """In words: what was converted, from what."""
    out = {}
    for step in steps:
        if step.unit.lower() != step.kept.lower():
            how = "" if step.change == Linear(1.0) else f" (× {step.change.factor:.6g}{_plus(step.change.offset)})"
            out[f"values of {step.code} kept in {step.kept}, given in {step.unit}{how}"] = step.n
    return out


def _apart(known: Measure, code: str, units: Mapping[str, int], done: set[str]) -> dict[str, int]:
    """In words: what stays in its unit, because nothing knows it, or it does not become the measure's."""
    return {
        f"values of {code} in {unit}, which does not become {known.unit}: kept apart": n
        for unit, n in units.items() if unit not in done
    }  # fmt: skip


def _plus(offset: float) -> str:
    return "" if offset == 0 else f" {'+' if offset > 0 else '−'} {abs(offset):.6g}"


def _range(low: float, high: float, unit: str) -> str:
    """What can be, in words."""
    least = "above 0" if 0 < low < 1e-300 else f"{low:.4g}"
    return f"{least} to {high:.6g} {unit}".strip()


def _table(steps: list[_Step]) -> pl.DataFrame:
    """code, unit, factor, offset, kept, expected, and the spans where numbers can be (at most three)."""
    rows = [
        (s.code, s.unit, s.change.factor, s.change.offset, s.kept, s.expected,
         [low for low, _ in s.spans], [high for _, high in s.spans])
        for s in steps
    ]  # fmt: skip
    schema: dict[str, PolarsType] = {"code": pl.String, "_unit": pl.String, "factor": pl.Float64, "offset": pl.Float64, "kept": pl.String,
              "expected": pl.String, "low": pl.List(pl.Float64), "high": pl.List(pl.Float64)}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _with_steps(events: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The events, in their order, with the step of their code and unit; null where there is none."""
    unit = pl.col("unit").str.strip_chars().fill_null(_NO_UNIT)
    return events.with_columns(_unit=unit).join(table, on=["code", "_unit"], how="left", maintain_order="left")


def _judged(events: pl.DataFrame, steps: list[_Step]) -> pl.DataFrame:
    """Numbers of codes that can be too small or too large: at (place among the events), code, value, expected, of (numbers of
    the code), sentinel, bad, foreign (without a unit, and most likely in something else)."""
    bounded = [step for step in steps if step.spans]
    table = _table(bounded).select("code", "_unit", "expected", "low", "high")
    rows = events.lazy().select("code", "unit", value="numeric_value").with_row_index("at")
    rows = rows.filter(pl.col("value").is_finite(), pl.col("code").is_in(table["code"].unique().implode()))
    found = _with_steps(rows.collect(), table).drop_nulls("low")
    value, inside = pl.col("value"), [pl.lit(False)]
    for i in range(max((len(step.spans) for step in bounded), default=0)):
        low, high = (pl.col(end).list.get(i, null_on_oob=True) for end in ("low", "high"))
        inside.append(value.is_between(low, high).fill_null(False))
    found = found.with_columns(
        bad=~pl.any_horizontal(inside), sentinel=value.is_in(sorted(sentinels())), of=pl.len().over("code")
    )
    told = ~(pl.col("bad") & pl.col("sentinel"))  # what stands for missing says nothing of the unit
    share = (pl.col("bad") & told).sum().over("code", "_unit") / told.sum().over("code", "_unit")
    many = told.sum().over("code", "_unit") >= MANY
    most = (share > FOREIGN) & many | (share > 0.5)
    return found.with_columns(foreign=(pl.col("_unit") == _NO_UNIT) & most)


def _foreign(judged: pl.DataFrame) -> dict[str, int]:
    """In words: numbers of a known name that are in something else."""
    found = judged.filter("foreign").group_by("code", maintain_order=True).len()
    return {f"numbers of {code} without a unit that fit none of its own, scaled perhaps: left as they are": n
            for code, n in found.iter_rows()}  # fmt: skip


def _without(events: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    """The events; those at these places without their number: that something was measured stays said."""
    gone = np.zeros(events.height, dtype=bool)
    gone[places.to_numpy()] = True
    return events.with_columns(numeric_value=pl.when(~pl.Series(gone)).then("numeric_value"))


def _converted(events: pl.DataFrame, steps: list[_Step]) -> pl.DataFrame:
    moved = [step for step in steps if step.change != Linear(1.0) or step.kept != step.unit]
    if not moved:
        return events
    rows = _with_steps(events, _table(moved).select("code", "_unit", "factor", "offset", "kept"))
    number = pl.col("numeric_value")
    there = pl.col("kept").is_not_null() & pl.col("unit").is_not_null()
    moves = (pl.col("factor") != 1) | (pl.col("offset") != 0)
    made = number * pl.col("factor") + pl.col("offset")
    return rows.with_columns(
        numeric_value=pl.when(there & moves).then(made.round_sig_figs(_DIGITS)).otherwise(number),
        unit=pl.when(there).then("kept").otherwise("unit"),
    ).select(events.columns)


def _losses(lost: pl.DataFrame) -> list[Loss]:
    """A line a code and kind: what cannot be, and what stands for missing."""
    grouped = lost.group_by("code", "sentinel", maintain_order=True).agg(
        pl.len().alias("n"), pl.col("of").first(), pl.col("expected").first()
    )
    out = []
    for code, sentinel, n, of, expected in grouped.select("code", "sentinel", "n", "of", "expected").iter_rows():
        cause = "numbers that stand for missing" if sentinel else "values that cannot be"
        fix = f"what can be is {expected}; correct the file, or its unit"
        out.append(Loss("cells", code, n, of, Reason(cause, "", fix), said=IMPOSSIBLE))
    return sorted(out, key=lambda one: -one.lost)


def _rejects(lost: pl.DataFrame, source: str) -> pl.DataFrame:
    """A line a value. No row number: behind the readers nobody knows it."""
    texts = {"file": "", "source": source, "fix": MISSING_CELL}
    said = lost.with_columns(pl.lit(text).alias(name) for name, text in texts.items())
    return in_layout(said.with_columns(row=pl.lit(0), column="code", got="value"), REJECTS)
