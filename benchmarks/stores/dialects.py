"""The corpus of cohort questions (tests/support/cohort_questions.py) on every store, whole: how many are answered as the
tables say, refused, or answered otherwise, which must be none.

    .venv/bin/python benchmarks/stores/dialects.py OUT         # OUT: a folder for the embedded graph and the servers
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from cohort_questions import QUESTIONS, Question
from cohort_tables import CohortTables
from servers import VERSIONS, kill_server, start_server

from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.query.cypher import parse, run_lists
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import Store
from clinome.loaders.errors import InputError


def fate(store: Store, question: Question, tables: CohortTables) -> str:
    try:
        found = run_lists(store, parse("question", question.text), question.params)
    except InputError:
        return "refused"
    got, want = list(zip(*found.values(), strict=True)), question.want(tables)
    return "equal" if sorted(map(_key, got)) == sorted(map(_key, want)) else "different"


def _key(value: Any) -> str:
    """A value as text: numbers to nine digits, lists of texts in order."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, int | float):
        return f"{value:.9g}" if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return str({key: _key(value[key]) for key in sorted(value)})
    if isinstance(value, list):
        keys = [_key(item) for item in value]
        return str(sorted(keys) if all(isinstance(item, str) for item in value) else keys)
    return str([_key(item) for item in value]) if isinstance(value, tuple) else repr(value)


def main(out: Path) -> None:
    tables = CohortTables(seed=1)
    with EmbeddedStore(out / "dialects.graph", write=True) as store:
        tables.write(store)
        print("embedded", dict(Counter(fate(store, question, tables) for question in QUESTIONS)), flush=True)
    for version in VERSIONS:
        server = start_server(out / version, version)
        try:
            with Neo4jStore(server.uri, server.user, server.password, write=True) as remote:
                tables.write(remote)
                counts = Counter(fate(remote, question, tables) for question in QUESTIONS)
                print(f"neo4j {version}", dict(counts), flush=True)
        finally:
            kill_server(server.folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
