"""What a node holds when several sources bring it, against a plain dictionary."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from small_study import save

from clinome.graphs.ingest.merge_nodes import merged
from clinome.graphs.prediction_tasks.records import Records as TaskRecords
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.specs import Records
from clinome.loaders.tables import REJECTS, VISITS, Loaded, Tally

IDS = ("a", "b", "c", "quote'`\"", "é")
STRICTNESS = ("dated", "relative", "order")
COLUMNS = {
    "age": (st.integers(0, 99), st.floats(0, 9, width=16), st.sampled_from(["old", "new"])),
    "ward": (st.sampled_from(["north", ""]), st.booleans()),
    "clock": (st.sampled_from(STRICTNESS),),
}
Rows = dict[str, dict[str, Any]]


@st.composite
def sources(draw: st.DrawFn) -> dict[str, Rows]:
    """Up to four sources, each with a type of its own for each column, and gaps."""
    found: dict[str, Rows] = {}
    for name in draw(st.lists(st.sampled_from(["s1", "s2", "s3", "s4"]), unique=True, min_size=1)):
        kinds = {column: draw(st.sampled_from(types)) for column, types in COLUMNS.items()}
        ids = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1))
        found[name] = {one: {c: draw(st.none() | kind) for c, kind in kinds.items()} for one in ids}
    return found


def naive(found: dict[str, Rows], without: str | None) -> Rows:
    """Each property from the first source by name; of clock the one that allows least."""
    nodes: Rows = {}
    for source, rows in sorted(found.items()):
        if source == without:
            continue
        for one, values in rows.items():
            node = nodes.setdefault(one, {"sources": []})
            node["sources"].append(f"study/{source}")
            for key, value in values.items():
                if value is None:
                    continue
                if key == "clock":
                    node[key] = max(node.get(key, "dated"), value, key=STRICTNESS.index)
                else:
                    node.setdefault(key, value)
    return nodes


def typed(nodes: Rows) -> dict[str, dict[str, tuple[str, Any]]]:
    return {one: {key: (type(v).__name__, v) for key, v in values.items()} for one, values in nodes.items()}


@settings(max_examples=60, deadline=None)
@given(sources(), st.sampled_from([None, "s1", "s3"]), st.sets(st.sampled_from(IDS), min_size=1))
def test_a_node_is_what_its_sources_say_in_their_own_types(
    found: dict[str, Rows], without: str | None, wanted: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = Tables(Path(folder))
        for source, rows in found.items():
            frame = pl.DataFrame([{"id": one, **values} for one, values in rows.items()], infer_schema_length=None)
            loaded = Loaded(source, Tally(1, 1, 0, 0), pl.DataFrame(schema=REJECTS))
            tables.save(loaded, f"load-{source}", {}, {"Patient": frame})
        got: Rows = {}
        for nodes in merged(tables, "Patient", pl.Series(sorted(wanted)), without and f"study/{without}"):
            for row in nodes.rows.to_dicts():
                one = row.pop("id")
                assert one not in got, "one node in two parts"
                got[one] = {key: value for key, value in row.items() if value is not None}
    expected = {one: values for one, values in naive(found, without).items() if one in wanted}
    assert typed(got) == typed(expected)


def test_a_visit_of_several_sources_has_its_earliest_beginning_and_latest_end(tmp_path: Path) -> None:
    """A table of its laboratory values, first by name, says when a row's value was measured, and no end."""
    tables = Tables(tmp_path, "study")
    day = [datetime(2020, 1, n) for n in (1, 3, 9)]
    rows = {"records.labs": (day[1], day[1], "3"), "records.stays": (day[0], day[2], None)}
    for source, (start, end, ward) in rows.items():
        layout: dict[str, Any] = {**VISITS, "ward": pl.String}
        visits = pl.DataFrame(
            {"visit_id": ["v"], "subject_id": ["a"], "start_time": [start], "end_time": [end], "kind": [None], "source": [source], "ward": [ward]},
            schema_overrides=layout,
        )  # fmt: skip
        save(tables, Records((Path("x.csv"),), name=source.partition(".")[2]), visits=visits)
    (found,) = merged(tables, "Visit", pl.Series(["v"]))
    told = found.rows.row(0, named=True)
    assert (told["start_time"], told["end_time"], told["ward"]) == (day[0], day[2], "3")
    stay = TaskRecords(tables).visits.row(0, named=True)
    assert (stay["start"], stay["end"]) == (day[0], day[2])
