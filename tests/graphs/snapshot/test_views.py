"""Views of a snapshot: only what was known, only terms of enough patients, by a naive reference."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import as_array, make_snapshot

from clinome.graphs.snapshot.fence import fence
from clinome.graphs.snapshot.views import frozen_views, terms
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.specs import Images, Notes
from clinome.loaders.tables import NEVER, NOTES, REJECTS, VECTORS, Loaded, PolarsType, Tally
from clinome.snapshot import Snapshot

DAY = datetime(2020, 1, 1)
_ABOUT: dict[str, object] = {
    "section": "notes",
    "layer": None,
    "kind": None,
    "scale": None,
    "spec": {},
    "files": {},
    "sampled": False,
}


def _tables(folder: Path, **tables: pl.DataFrame) -> Tables:
    saved = Tables(folder, "s")
    for name, table in tables.items():
        spec = Notes((Path("n"),), name=name) if "text" in table.columns else Images((Path("i"),), name=name)
        kind = "notes" if "text" in table.columns else "vectors"
        tally = Tally(table.height, table.height, 0, 0)
        loaded = replace(Loaded(spec.source, tally, pl.DataFrame(schema=REJECTS)), **{kind: table})  # type: ignore[arg-type]
        saved.save(loaded, "0" * 16, _ABOUT, {"Patient": table.select(id="subject_id").unique()})
    return saved


def _index(*rows: tuple[str, int]) -> pl.DataFrame:
    found = [(n, subject, DAY + timedelta(days=day)) for n, (subject, day) in enumerate(rows)]
    schema: dict[str, PolarsType] = {"row": pl.Int64, "subject_id": pl.String, "prediction_time": pl.Datetime("us")}
    return pl.DataFrame(found, schema, orient="row")


def _note(subject: str, day: int, known: datetime, text: str) -> tuple[object, ...]:
    return subject, DAY + timedelta(days=day), known, None, "NOTE:note", "notes.ward", text


words = st.lists(st.sampled_from(["No", "fever", "über", "o'clock", "x-ray", "a", "4th", "mrn77", "mm"]), max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.lists(words, min_size=1, max_size=5))
def test_terms_are_words_and_pairs_of_neighbours(texts: list[list[str]]) -> None:
    found = terms(pl.Series([" ".join(text) for text in texts], dtype=pl.String)).to_list()
    for text, got in zip(texts, found, strict=True):
        heard = [one.lower() for one in text]
        fine = [bool(re.fullmatch(r"[^\W\d_][^\W\d_'-]*(?:['-]?[^\W\d_]+)+", one)) for one in heard]
        pairs = [f"{a} {b}" for (a, x), (b, y) in pairwise(zip(heard, fine, strict=True)) if x and y]
        expected = [*(one for one, x in zip(heard, fine, strict=True) if x), *pairs]
        assert Counter(got or []) == Counter(expected)


def test_a_note_counts_when_it_was_written_and_known(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vocabulary = np.array(["fever", "edema", "calm", "rarely"])
    notes = []
    for i in range(60):
        for _ in range(rng.integers(0, 4)):
            day = int(rng.integers(0, 10))
            known = NEVER if rng.uniform() < 0.2 else DAY + timedelta(days=day + int(rng.integers(0, 3)))
            notes.append(_note(f"p{i % 30}", day, known, " ".join(rng.choice(vocabulary, 4, p=[0.4, 0.3, 0.29, 0.01]))))
    table = pl.DataFrame(notes, NOTES, orient="row")
    index = _index(*((f"p{i}", day) for i in range(30) for day in (4, 8)))
    view = frozen_views(index, _tables(tmp_path, ward=table), fence)["notes.ward"]
    told: dict[int, Counter[str]] = defaultdict(Counter)
    for row, subject, at in index.iter_rows():
        for whose, time, known, *_, text in table.iter_rows():
            if whose == subject and time <= at and known <= at:
                heard = text.split()
                told[row].update([*heard, *(f"{a} {b}" for a, b in pairwise(heard))])
    patients: dict[str, set[int]] = defaultdict(set)
    for row, counts in told.items():
        for term in counts:
            patients[term].add(row // 2)
    kept = sorted(term for term, who in patients.items() if len(who) >= 10)
    assert view.var["feature"].to_list() == kept and len(kept) > 3 and "rarely" not in kept
    np.testing.assert_array_equal(view.profiled, [row in told for row in range(60)])
    expected = np.array([[told[row][term] for term in kept] for row in range(60)])
    np.testing.assert_array_equal(as_array(view.values), expected)


def test_of_images_the_latest_counts_of_notes_read_by_a_model_the_mean(tmp_path: Path) -> None:
    rows = [("a", DAY, DAY, None, "IMAGE:ct", "s", 1.0, None), ("a", DAY + timedelta(days=2), DAY + timedelta(days=2), None, "IMAGE:ct", "s", 3.0, 5.0),
            ("a", DAY + timedelta(days=3), DAY + timedelta(days=9), None, "IMAGE:ct", "s", 9.0, 9.0)]  # fmt: skip
    schema: dict[str, PolarsType] = {**VECTORS, "f0": pl.Float32, "f1": pl.Float32}
    table = pl.DataFrame(rows, schema, orient="row")
    tables = _tables(tmp_path, ct=table)
    view = frozen_views(_index(("a", 1), ("a", 5), ("b", 5)), tables, fence)["images.ct"]
    np.testing.assert_array_equal(view.values, np.array([[1, np.nan], [3, 5], [np.nan, np.nan]], np.float32))
    assert view.profiled.tolist() == [True, True, False]
    loaded = Loaded("notes.read", Tally(3, 3, 0, 0), pl.DataFrame(schema=REJECTS), vectors=table)
    tables.save(loaded, "1" * 16, _ABOUT, {"Patient": table.select(id="subject_id").unique()})
    view = frozen_views(_index(("a", 5)), tables, fence)["notes.read"]
    np.testing.assert_array_equal(view.values, np.array([[2, 5]], np.float32))


def test_a_snapshot_is_read_as_it_was_saved(tmp_path: Path) -> None:
    snapshot = make_snapshot(n=40, views=True)
    snapshot.save(tmp_path / "s")
    again = Snapshot.read(tmp_path / "s")
    assert again.checksums() == snapshot.checksums() and set(again.views) == {"notes.ward", "images.ct"}
    np.testing.assert_array_equal(
        as_array(again.views["notes.ward"].values), as_array(snapshot.views["notes.ward"].values)
    )
    assert "view notes.ward" in repr(again)
    without = replace(snapshot, views={})
    assert not any(name.startswith("views/") for name in without.checksums())
