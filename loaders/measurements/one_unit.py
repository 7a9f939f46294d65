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
from ..tables import Loaded, Tally, in_layout
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
    steps, places, counts, several = _steps(events)
    if steps:
        wrong = _Judged.of(events["numeric_value"], steps, places)
        lost = events.select("code", value="numeric_value").filter(pl.Series(wrong.gone))
        lost = lost.with_columns(expected=pl.Series([steps[i].expected for i in places[wrong.gone]], dtype=pl.String))
        loaded = _counted(loaded, lost, steps)
        events = _converted(events, steps, places, wrong.gone)
        counts = total([counts, wrong.left])
    apart = events.filter(pl.col("code").is_in(several.implode())) if several.len() else events.clear()
    return replace(loaded, events=events, counts={**loaded.counts, **total([counts, told_units(apart)])})


def _steps(events: pl.DataFrame) -> tuple[list[_Step], np.ndarray, dict[str, int], pl.Series]:
    """What is to be done for each code and unit; which of it with each event, by its number (-1: nothing); in words what; and
    the codes that come in several units."""
    raw = events.lazy().filter(pl.col("numeric_value").is_not_null()).group_by("code", "unit").len("n").collect()
    raw = raw.with_columns(bare=pl.col("unit").str.strip_chars().fill_null(_NO_UNIT))
    found = (
        raw.group_by("code", "bare").agg(pl.col("n").sum()).sort("code", "n", "bare", descending=[False, True, False])
    )
    steps: list[_Step] = []
    counts: dict[str, int] = {}
    for (code,), rows in found.group_by("code", maintain_order=True):
        units = dict(rows.select("bare", "n").iter_rows())
        known = measure(str(code))
        made = _of_measure(known, str(code), units) if known is not None else _of_commonest(str(code), units)
        steps += made
        counts |= _said(made)
        if known is not None:
            counts |= _apart(known, str(code), units, {step.unit for step in made})
    numbered = pl.DataFrame(
        [(step.code, step.unit, i) for i, step in enumerate(steps)],
        schema={"code": pl.String, "bare": pl.String, "step": pl.Int32}, orient="row",
    )  # fmt: skip
    table = raw.join(numbered, on=["code", "bare"]).select("code", "unit", "step")
    joined = events.select("code", "unit").join(
        table, on=["code", "unit"], how="left", nulls_equal=True, maintain_order="left"
    )
    several = found["code"].filter(found["code"].is_duplicated()).unique()
    return steps, joined["step"].fill_null(-1).to_numpy(), counts, several


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


@dataclass(frozen=True)
class _Judged:
    """Which numbers cannot be. gone: (events,) bool. left: in words, numbers without a unit that are in something else."""

    gone: np.ndarray
    left: dict[str, int]

    @classmethod
    def of(cls, numbers: pl.Series, steps: list[_Step], places: np.ndarray) -> _Judged:
        value = numbers.to_numpy()
        at = np.flatnonzero((places >= 0) & np.isfinite(value))
        step, x = places[at], value[at]
        bounded = np.array([bool(one.spans) for one in steps])[step]
        inside = np.zeros(len(at), dtype=bool)
        for k in range(max(len(one.spans) for one in steps)):
            spans = np.array([one.spans[k] if k < len(one.spans) else (np.nan, np.nan) for one in steps])
            inside |= (x >= spans[step, 0]) & (x <= spans[step, 1])
        bad = bounded & ~inside
        told = ~(bad & np.isin(x, sorted(sentinels())))  # what stands for missing says nothing of the unit
        n = np.bincount(step, told, len(steps))
        share = np.bincount(step, bad & told, len(steps)) / np.maximum(n, 1)
        bare = np.array([one.unit == _NO_UNIT for one in steps])
        foreign = bare & (((share > FOREIGN) & (n >= MANY)) | (share > 0.5))
        gone = np.zeros(len(value), dtype=bool)
        gone[at[bad & ~foreign[step]]] = True
        what = "numbers of {} without a unit that fit none of its own, scaled perhaps: left as they are"
        return cls(gone, {what.format(steps[i].code): int((step == i).sum()) for i in np.flatnonzero(foreign)})


def _counted(loaded: Loaded, lost: pl.DataFrame, steps: list[_Step]) -> Loaded:
    """The source with what it lost: in its cells, its losses and its rejects."""
    n, cells = lost.height, loaded.cells
    if n and cells.written >= n:
        cells = Tally(cells.read, cells.written - n, cells.merged, cells.rejected + n)
    numbers: dict[str, int] = {}
    for step in steps:
        numbers[step.code] = numbers.get(step.code, 0) + step.n
    rejects = pl.concat([loaded.rejects, _rejects(lost, loaded.source)])
    return replace(loaded, cells=cells, losses=(*loaded.losses, *_losses(lost, numbers)), rejects=rejects)


def _converted(events: pl.DataFrame, steps: list[_Step], places: np.ndarray, gone: np.ndarray) -> pl.DataFrame:
    """The events in the units that are kept; those of `gone` without a number: that something was measured stays said."""
    value, unit = events["numeric_value"], events["unit"]
    if gone.any():
        value = value.zip_with(~pl.Series(gone), pl.Series([None], dtype=value.dtype))
    moves = np.array([step.change != Linear(1.0) for step in steps] + [False])[places]
    if moves.any():
        factor, offset = (
            np.array([getattr(step.change, of) for step in steps] + [0.0])[places] for of in ("factor", "offset")
        )
        made = (value * pl.Series(factor) + pl.Series(offset)).round_sig_figs(_DIGITS)
        value = made.zip_with(pl.Series(moves), value)
    renamed = np.array([step.kept not in (step.unit, _NO_UNIT) for step in steps] + [False])[places]
    if renamed.any():
        kept = pl.Series([step.kept for step in steps] + [""], dtype=pl.String)
        unit = kept.gather(np.where(places < 0, len(steps), places)).zip_with(pl.Series(renamed), unit)
    return events.with_columns(value.alias("numeric_value"), unit.alias("unit"))


def _losses(lost: pl.DataFrame, numbers: Mapping[str, int]) -> list[Loss]:
    """A line a code and kind: what cannot be, and what stands for missing. numbers: how many the code has."""
    stands = pl.col("value").is_in(sorted(sentinels())).alias("sentinel")
    grouped = lost.group_by("code", stands, maintain_order=True).agg(pl.len().alias("n"), pl.col("expected").first())
    out = []
    for code, sentinel, n, expected in grouped.select("code", "sentinel", "n", "expected").iter_rows():
        cause = "numbers that stand for missing" if sentinel else "values that cannot be"
        fix = f"what can be is {expected}; correct the file, or its unit"
        out.append(Loss("cells", code, n, numbers[code], Reason(cause, "", fix), said=IMPOSSIBLE))
    return sorted(out, key=lambda one: -one.lost)


def _rejects(lost: pl.DataFrame, source: str) -> pl.DataFrame:
    """A line a value. No row number: behind the readers nobody knows it."""
    texts = {"file": "", "source": source, "fix": MISSING_CELL}
    said = lost.with_columns(pl.lit(text).alias(name) for name, text in texts.items())
    return in_layout(said.with_columns(row=pl.lit(0), column="code", got="value"), REJECTS)
