"""Window features against a pandas groupby: window_features.py [--events 2000000] [--turns 3] [--keep FILE].

Invented events (500 laboratory tests, a few of them common; 200 events a patient on the mean), three windows (all time, a year,
a month). Three ways in one process, in turn:
  clinome   `models.preprocessing.records.window_features.windows`: count, recency, first, least, greatest, mean, slope
  pandas    the same by one groupby a window whose slope is put together from sums: as quick as pandas gets; and the same
            sparse matrices of it, for a learner wants a matrix, and a dense one of 20 M events fits no memory
  apply     the same with the slope as one writes it first, `groupby.apply` of numpy.polyfit; on 1 % of the patients, times 100
Prints seconds of the clock and of the processor, the least of all turns and those of the first, in which memory is new to the
process; ratios of the clock; and the greatest difference between the two. Peak memory is the process's after the first way.
Clinome counts on all cores, pandas on the one that it uses; OMP_NUM_THREADS=1 and POLARS_MAX_THREADS=1 keep both to one.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import polars as pl
from scipy import sparse

from clinome.models.preprocessing.records.window_features import EVER, WindowFeatures, windows

SPANS = (EVER, 365.0, 30.0)
TESTS, EACH, SHARE = 500, 200, 100
NO_LINKS = pl.DataFrame(schema={"subject": pl.String, "predicate": pl.String, "object": pl.String})
KEPT = ("count", "since", "first", "min", "max", "mean", "slope")
Made = tuple[list[str], dict[str, sparse.csr_matrix]]
"""Codes, and (rows, codes) of each of KEPT."""
Way = TypeVar("Way")


def invented(events: int) -> tuple[pl.DataFrame, int]:
    """Events by row and time, and how many rows there are."""
    rng = np.random.default_rng(1)
    rows = max(1, events // EACH)
    row, days = np.sort(rng.integers(0, rows, events)), rng.exponential(300, events)
    often = 1 / np.arange(1, TESTS + 1)
    table = pl.DataFrame(
        {"row": row, "days": days[np.lexsort((-days, row))], "code": rng.choice(TESTS, events, p=often / often.sum())}
    )
    named = table.with_columns(
        code=pl.lit("LOINC:") + pl.col("code").cast(pl.String),
        numeric_value=pl.Series(rng.normal(80, 10, events)),
        text_value=pl.lit(None, pl.String),
    )
    return named, rows


def by_groupby(table: pd.DataFrame, rows: int) -> list[Made]:
    out = []
    for span in SPANS:
        inside = table[table.days <= span]
        inside = inside.assign(dd=inside.days * inside.days, dv=inside.days * inside.numeric_value)
        found = inside.groupby(["row", "code"]).agg(
            count=("days", "size"), since=("days", "min"), first=("numeric_value", "first"), min=("numeric_value", "min"),
            max=("numeric_value", "max"), mean=("numeric_value", "mean"), sd=("days", "sum"), sdd=("dd", "sum"), sdv=("dv", "sum"),
        )  # fmt: skip
        found["slope"] = -(found.sdv - found.sd * found["mean"]) / (found.sdd - found.sd**2 / found["count"])
        row, (column, codes) = found.index.get_level_values(0), pd.factorize(found.index.get_level_values(1), sort=True)
        start = np.searchsorted(row, np.arange(rows + 1))
        out.append((list(codes), {one: sparse.csr_matrix((found[one].to_numpy(), column, start)) for one in KEPT}))
    return out


def by_apply(table: pd.DataFrame) -> None:
    def slope(group: pd.DataFrame) -> float:
        return -np.polyfit(group.days, group.numeric_value, 1)[0] if len(group) > 1 else float("nan")

    for span in SPANS:
        groups = table[table.days <= span].groupby(["row", "code"])
        groups.days.agg(["size", "min"])
        groups.numeric_value.agg(["first", "min", "max", "mean"])
        groups[["days", "numeric_value"]].apply(slope)


@dataclass(frozen=True)
class Took:
    """Seconds of the clock and of the processor."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:.2f} s ({self.processor:.2f} s of processor)"


def took(way: Callable[[], Way]) -> tuple[Way, Took]:
    clock, processor = time.perf_counter(), time.process_time()
    made = way()
    return made, Took(time.perf_counter() - clock, time.process_time() - processor)


def least(turns: list[Took]) -> Took:
    return min(turns, key=lambda one: one.clock)


def apart(made: list[WindowFeatures], found: list[Made]) -> float:
    """The greatest difference between the two, slopes aside: those of pandas lose digits, as sums of squares do."""
    greatest = 0.0
    for ours, (codes, theirs) in zip(made, found, strict=True):
        place = pd.Index(ours.codes).get_indexer(codes)
        for name in ("count", "first", "min", "max", "mean"):
            matrix = ours.count if name == "count" else ours.numbers[name]
            assert matrix.nnz == theirs[name].nnz
            greatest = max(greatest, float(abs(matrix[:, place] - theirs[name]).max()))
    return greatest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    events, rows = invented(args.events)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made, first = took(lambda: windows(events, rows, NO_LINKS, SPANS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cells = sum(w.count.nnz for w in made)
    table = events.select("row", "days", "code", "numeric_value").to_pandas()
    found, theirs_first = took(lambda: by_groupby(table, rows))
    difference = apart(made, found)
    ours, theirs = [first], [theirs_first]
    del made, found  # the turns after it have its memory
    for _ in range(args.turns - 1):
        ours.append(took(lambda: windows(events, rows, NO_LINKS, SPANS))[1])
        theirs.append(took(lambda: by_groupby(table, rows))[1])
    few = table[table.row % SHARE == 0]
    _, slow = took(lambda: by_apply(few))
    quick, quickest = least(ours), least(theirs)
    text = (
        f"{args.events:,} events, {rows:,} patients, {cells:,} cells in {len(SPANS)} windows, "
        f"{pl.thread_pool_size()} threads, least of {args.turns} turns\n"
        f"clinome {quick}, {(peak - held) / 1024:,.0f} MB more than the events\n"
        f"pandas  {quickest}: {quickest.clock / quick.clock:.1f} x; "
        f"with apply about {slow.clock * SHARE:,.0f} s: {slow.clock * SHARE / quick.clock:,.0f} x\n"
        f"first turn: clinome {first}, pandas {theirs_first}: {theirs_first.clock / first.clock:.1f} x\n"
        f"greatest difference {difference:.2g}"
    )
    print(text, flush=True)
    if args.keep:
        args.keep.write_text(text + "\n")


if __name__ == "__main__":
    main()
