"""Memory of the tokens that sequence models read: tokens.py [--events 5000000] [--in-memory] [--keep FILE].

Invented events (500 codes, a few of them common, a number each; 200 events a patient on the mean), made tokens and read once, in
batches of 64 rows. Prints seconds, by how much the process's own memory grew at its peak (RssAnon: without what only lies in the
page cache of mapped files), and a checksum of all batches. --in-memory: all in one stretch, as it was before.
"""

from __future__ import annotations

import argparse
import hashlib
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl

from clinome.models.preprocessing.records.code_hierarchy import CodeHierarchy
from clinome.models.preprocessing.records.code_values import CodeValues
from clinome.models.preprocessing.scaling import Scale
from clinome.models.preprocessing.tokens.token_table import COLUMNS
from clinome.models.preprocessing.tokens.tokenizer import STRETCH, Vocabulary, tokenize

CODES, EACH, BATCH = 500, 200, 64


def invented(events: int) -> tuple[pl.DataFrame, int]:
    """Events by row and time, and how many rows there are."""
    rng = np.random.default_rng(1)
    rows = max(1, events // EACH)
    row, days = np.sort(rng.integers(0, rows, events)), rng.exponential(300, events)
    often = 1 / np.arange(1, CODES + 1)
    table = {
        "row": row, "days": days[np.lexsort((-days, row))], "code": rng.choice(CODES, events, p=often / often.sum()),
        "numeric_value": rng.normal(80, 10, events), "age": rng.normal(60, 10, events), "visit": row % 7,
    }  # fmt: skip
    code = pl.lit("LOINC:") + pl.col("code").cast(pl.String)
    return pl.DataFrame(table).with_columns(code=code, text_value=pl.lit(None, pl.String)), rows


class Peak(threading.Thread):
    """The most of the process's own memory, looked at twenty times a second; MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.over = 0.0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            self.most = max(self.most, own_mb())


def own_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--in-memory", action="store_true")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    events, rows = invented(args.events)
    names = sorted(events["code"].unique())
    entries = ("", "?", *names)
    one = np.ones(len(names))
    scales = CodeValues(names, one < 0, Scale(one * -np.inf, one * np.inf, 80 * one, 10 * one, 0 * one))
    known = {name: i for i, name in enumerate(entries) if i > 1}
    vocabulary = Vocabulary(entries, entries, ((),) * len(entries), scales, (60.0, 10.0), known, CodeHierarchy({}))
    before, peak, began = own_mb(), Peak(), time.process_time()
    peak.start()
    made = tokenize(events, rows, vocabulary, "dated", most=len(events) if args.in_memory else STRETCH)
    made_s, made_mb, held = time.process_time() - began, peak.most - before, own_mb() - before
    digest, began = hashlib.sha256(), time.process_time()
    for batch in np.array_split(np.random.default_rng(2).permutation(rows), -(-rows // BATCH)):
        tokens = made.take(batch)
        for name in COLUMNS:
            digest.update(getattr(tokens, name).numpy().tobytes())
    peak.over.set()
    line = (
        f"{args.events:,} events, {'in memory' if args.in_memory else 'mapped'}: made in {made_s:.1f} s, peak +{made_mb:,.0f} MB, "
        f"then held {held:,.0f} MB; read in {time.process_time() - began:.1f} s, peak of all +{peak.most - before:,.0f} MB; "
        f"sha256 {digest.hexdigest()[:12]}"
    )
    print(line)
    if args.keep:
        with args.keep.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
