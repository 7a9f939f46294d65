"""Size estimate: how many relationships a source brings, from how long its tables are; nothing is read whole."""

from __future__ import annotations

from math import erfc, sqrt

from ..tables.study_tables import Tables

MANY = 5_000_000
"""From here on a bulk import of a first load is worth that it takes the server off line for a moment."""


MOST_EMBEDDED = 18_000_000
"""More than these are refused by an embedded store, whose checkpoint holds 2 GiB of relationships: 15 million events of 137
bytes (benchmarks/results/scale.txt), more of those that say less."""


def relationships(tables: Tables, source: str) -> int:
    """Exact for records and knowledge; of a dense layer as many values as would be far enough out if it were normal."""
    spec, length = tables.record(source)["spec"], {name: tables.length(source, name) for name in _TABLES}
    found = sum(length[name] for name in ("visits", "notes", "vectors", "links", "samples", "obs", "entries"))
    found += length["events"] if spec.get("graph") != "none" else 0
    if length["dense"]:
        found += round(length["dense"] * length["var"] * _share(spec["graph"]))
    return found + 2 * length["variants"]  # who has it, which gene it is in


_TABLES = ("events", "visits", "notes", "vectors", "links", "samples", "obs", "var", "entries", "dense", "variants")


def _share(graph: object) -> float:
    match graph:
        case "all":
            return 1.0
        case "none":
            return 0.0
        case _:
            return erfc(float(str(graph)) / sqrt(2))
