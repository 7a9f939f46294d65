"""`clinome schema`: labels, relationship types, properties, counts, constraints, indexes of a study's graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clinome.console import SILENT, Console
from clinome.graph import open_graph
from clinome.study import Study, as_study

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.query.describe import Description, Property


@dataclass(frozen=True)
class GraphSchema:
    """Schema of a graph: what can be asked of it.

    description: as graphs/ holds it.
    Example:
        clinome.schema("study.toml").nodes
    """

    description: Description

    @property
    def nodes(self) -> pd.DataFrame:
        """A row a label and property: label, nodes, property, type, known (how many nodes have it)."""
        import pandas as pd

        rows = [
            (kind.label, kind.count, one.name, " or ".join(one.types), one.count)
            for kind in self.description.nodes for one in kind.properties
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["label", "nodes", "property", "type", "known"])

    @property
    def relationships(self) -> pd.DataFrame:
        """A row a type and its ends: type, start, end, relationships, properties (name and type)."""
        import pandas as pd

        rows = [(r.type, r.start, r.end, r.count, _said(r.properties)) for r in self.description.relationships]
        return pd.DataFrame(rows, columns=["type", "start", "end", "relationships", "properties"])

    @property
    def indexes(self) -> pd.DataFrame:
        """A row a constraint or index: label, property, kind (unique, index)."""
        import pandas as pd

        rows = [(i.label, ", ".join(i.properties), _kind(i.unique)) for i in self.description.indexes]
        return pd.DataFrame(rows, columns=["label", "property", "kind"])

    def summary(self) -> dict[str, object]:
        """What `clinome schema --json` ends with."""
        about = self.description
        return {
            "nodes": [
                {"label": kind.label, "count": kind.count, "properties": _listed(kind.properties)}
                for kind in about.nodes
            ],
            "relationships": [
                {"type": r.type, "start": r.start, "end": r.end, "count": r.count, "properties": _listed(r.properties)}
                for r in about.relationships
            ],
            "constraints": [{"label": i.label, "properties": list(i.properties)} for i in about.indexes if i.unique],
            "indexes": [{"label": i.label, "properties": list(i.properties)} for i in about.indexes if not i.unique],
        }


def schema(study: Study | str | Path, *, console: Console = SILENT) -> GraphSchema:
    """Schema: labels and relationship types with counts, properties with types, constraints and indexes.

    The graph may hold other studies too: all that is in it is counted.
    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        console: what is said; default: nothing.
    Raises: InputError if nothing has been loaded.
    Example:
        clinome.schema("study.toml").relationships
    """
    from clinome.graphs.query.describe import describe

    with open_graph(as_study(study)) as graph:
        found = GraphSchema(describe(graph.store))
    _say(found, console)
    return found


def _say(found: GraphSchema, console: Console) -> None:
    about = found.description
    for kind in about.nodes:
        console(f"{kind.label}: {kind.count:,}")
        rows = [(f"  {one.name}", " or ".join(one.types), f"{one.count:,}") for one in kind.properties]
        console.table(["  property", "type", "known"], rows)
    console("")
    console.table(
        ["relationship", "count", "properties"],
        [(f"(:{r.start})-[:{r.type}]->(:{r.end})", r.count, _said(r.properties)) for r in about.relationships],
    )
    console("")
    kept = [(f"{i.label}.{', '.join(i.properties)}", _kind(i.unique)) for i in about.indexes]
    console.table(["constraint or index", "kind"], kept)


def _said(properties: tuple[Property, ...]) -> str:
    return ", ".join(f"{one.name} {' or '.join(one.types)}" for one in properties)


def _listed(properties: tuple[Property, ...]) -> list[dict[str, object]]:
    return [
        {"name": one.name, "types": list(one.types), **({} if one.count is None else {"count": one.count})}
        for one in properties
    ]


def _kind(unique: bool) -> str:
    return "unique" if unique else "index"
