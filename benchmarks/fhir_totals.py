"""FHIR bundles and ndjson as Clinome reads them, beside a count in plain Python: `python benchmarks/fhir_totals.py PATH`.

Counted are the rows (resources of the types that are read), the encounters, what the others state (an observation one
event a component, and one of its own where it has a value or no component), and the sum of all quantities. Statements that
say they are none, or that are refused, are in the plain count alone: Clinome says why.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.fhir.reader import read_fhir
from clinome.loaders.records.fhir.resources import READ
from clinome.loaders.specs import Records
from clinome.loaders.tables import Known


def resources(path: Path) -> Iterator[dict[str, Any]]:
    """Every resource, the short way: files are read whole."""
    for file in sorted(
        p for p in ([path] if path.is_file() else path.rglob("*")) if ".json" in p.name or ".ndjson" in p.name
    ):
        data = file.read_bytes()
        text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8")
        for value in map(json.loads, text.splitlines()) if ".ndjson" in file.name else [json.loads(text)]:
            yield from (entry["resource"] for entry in value["entry"]) if value.get("entry") else [value]


def plain(path: Path) -> dict[str, float]:
    """rows, visits, statements, quantities and their sum."""
    rows = visits = statements = quantities = 0
    total = 0.0
    for one in resources(path):
        kind = one.get("resourceType")
        rows += kind in READ
        visits += kind == "Encounter"
        parts = one.get("component", []) if kind == "Observation" else []
        if kind == "Patient":
            statements += ("birthDate" in one) + ("deceasedDateTime" in one)
        elif kind in READ and kind != "Encounter":
            statements += len(parts) + (not parts or any(key.startswith("value") for key in one))
        for holder in (one, *parts) if kind == "Observation" else ():
            if "value" in holder.get("valueQuantity", {}):
                quantities += 1
                total += holder["valueQuantity"]["value"]
    return {"rows": rows, "visits": visits, "statements": statements, "quantities": quantities, "sum": round(total, 6)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    loaded = read_fhir(Records((path,), name="ehr", format="fhir"), Known(None, None, GeneTable.empty()))
    assert loaded.events is not None
    print("plain  ", plain(path))
    numbers = loaded.events["numeric_value"]
    visits = 0 if loaded.visits is None else loaded.visits.height
    print("clinome", {"rows": loaded.tally.read, "visits": visits, "events": loaded.events.height, "numbers": numbers.count(), "sum": round(numbers.sum(), 6)})  # fmt: skip
    print(loaded.tally)
    for what, n in loaded.counts.items():
        print(f"{n:>8,} {what}")


if __name__ == "__main__":
    main()
