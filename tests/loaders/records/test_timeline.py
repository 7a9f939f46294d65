"""cBioPortal timelines: a golden table, and rows that are refused."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.timeline import read_timeline
from clinome.loaders.specs import Records
from clinome.loaders.tables import EVENTS, Known, Loaded, Tally

ANYONE = Known(None, None, GeneTable.empty())
HEAD = "PATIENT_ID\tSTART_DATE\tSTOP_DATE\tEVENT_TYPE\tTREATMENT_TYPE\tAGENT\tSUBTYPE\tTEST\tRESULT"
ROWS = (
    "p1\t30\t90\tTREATMENT\tMedical Therapy\tVINORELBINE TARTRATE\tchemotherapy\t\t",
    "p1\t-5\t\tTREATMENT\tRadiation Therapy\tEXTERNAL BEAM\tadjuvant\t\t",
    "p1\t40\t\tTREATMENT\tHormone Therapy\t\t\t\t",
    "p1\t41\t\tLAB_TEST\t\t\t\tCEA\t4.5",
    "p1\t42\t\tLAB_TEST\t\t\t\tEGFR\tPositive",
    "p1\t43\t\tStatus\t\t\tProgression\t\t",
    "p1\t44\t\tSURGERY\t\t\t\t\t",
)
T0 = dt.datetime(2000, 1, 1)


def _read(folder: Path, rows: tuple[str, ...], known: Known = ANYONE, head: str = HEAD) -> Loaded:
    path = folder / "data_timeline.txt"
    path.write_text("\n".join((head, *rows)) + "\n")
    return read_timeline(Records((path,), name="t", format="timeline"), known)


def test_events_of_each_type(tmp_path: Path) -> None:
    loaded = _read(tmp_path, ROWS)
    assert loaded.events is not None and loaded.events.schema == EVENTS and loaded.clock == "relative"
    got = [((r["time"] - T0).days, r["code"], r["numeric_value"], r["text_value"]) for r in loaded.events.to_dicts()]
    assert got == [
        (-5, "TIMELINE:treatment/radiation therapy", None, "adjuvant"),
        (30, "DRUG:vinorelbine tartrate", None, "chemotherapy"),
        (40, "TIMELINE:treatment/hormone therapy", None, None),
        (41, "VALUE:cea", 4.5, None),
        (42, "VALUE:egfr", None, "Positive"),
        (43, "TIMELINE:status/progression", None, "Progression"),
        (44, "TIMELINE:surgery", None, None),
    ]
    assert (loaded.events["known_time"] == loaded.events["time"]).all()
    assert loaded.tally == Tally(7, 7, 0, 0)


def test_what_is_wrong_is_refused(tmp_path: Path) -> None:
    tail = "TREATMENT\tMedical Therapy\tX\t\t\t"
    rows = (
        f"p1\t30\t29\t{tail}", f"p1\t\t29\t{tail}", f"p1\tsoon\t\t{tail}", f"p1\t1\tlater\t{tail}", f"\t1\t\t{tail}",
        f"p2\t1\t\t{tail}", "p1\t1\t\t\t\t\t\t\t", f"p1\t1e7\t\t{tail}", f"p1\t1\t2\t{tail}", f"p1\t1\t2\t{tail}",
        "p1\t1",
    )  # fmt: skip
    loaded = _read(tmp_path, rows, Known(frozenset({"p1"}), None, GeneTable.empty()))
    assert loaded.tally == Tally(read=11, written=1, merged=1, rejected=9)
    assert loaded.rejects.height == 9


def test_no_timeline_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="START_DATE"):
        _read(tmp_path, ("p1\t1",), head="PATIENT_ID\tDAY")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_garbage_is_accounted_for(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray("\n".join((HEAD, *ROWS)).encode())
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=10)):
        raw[at] = data.draw(st.sampled_from(b'\x00\xff",\t\n9-z '))
    path = tmp_path / "data_timeline.txt"
    path.write_bytes(bytes(raw))
    try:
        loaded = read_timeline(Records((path,), name="t"), ANYONE)
    except InputError:
        return
    assert loaded.events is not None and loaded.events.height == loaded.tally.written
    assert loaded.events["code"].null_count() == 0 and loaded.events["time"].null_count() == 0
