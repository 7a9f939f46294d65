"""Patient removal from a source's tables as they stand, where its files are gone or changed.

What a reading without them would say is said as far as the tables know: of the source's rows they do not know whose
each was, so that its counts stay those of the reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
from scipy import sparse

from ...loaders.knowledge.structure import with_structure, without_structure
from ...loaders.specs import Records
from .. import schema
from ..store.protocol import Store
from ..tables.matrices import frame, variants
from ..tables.source_spec import about, restore
from ..tables.study_tables import Tables
from .nodes import nodes
from .relationships import left_out

if TYPE_CHECKING:
    from anndata import AnnData

_OWN = "MATCH (n:LABEL) WHERE n.id IN $ids AND any(s IN n.sources WHERE s STARTS WITH $own) RETURN n.id AS id"


def belongings(tables: Tables, subjects: Collection[str]) -> dict[str, frozenset[str]]:
    """label -> ids of the visits and samples that any source says are these patients', as the tables have them."""
    found: dict[str, set[str]] = {"Visit": set(), "Sample": set()}
    for source in tables.sources():
        for table, label, column in (
            ("samples", "Sample", "sample_id"), ("obs", "Sample", "sample_id"),
            ("visits", "Visit", "visit_id"), ("events", "Visit", "visit_id"), ("notes", "Visit", "visit_id"),
            ("vectors", "Visit", "visit_id"),
        ):  # fmt: skip
            rows = tables.table(source, table)
            if rows is not None:
                found[label] |= set(rows.filter(_are(subjects))[column].drop_nulls())
    return {label: frozenset(ids - set(subjects)) for label, ids in found.items()}


def strip(
    tables: Tables, source: str, subjects: Collection[str], quoted: Collection[str], load_id: str | None = None
) -> bool:
    """Take patients out of one source's tables, and what its rejects quote of them.

    Args:
        load_id: what the tables are then called; by default a name that makes the next load read the files again.
        subjects: their ids, as the tables have them.
        quoted: ids of theirs, as the source's files have them.
    Returns: whether anything of the source is left; if not, its tables are as they were.
    """
    record, loaded = tables.record(source), tables.read(source)
    spec = restore(record)

    def without(rows: pl.DataFrame | None) -> pl.DataFrame | None:
        return None if rows is None else rows.filter(~_are(subjects))

    stays = replace(
        loaded,
        patients=without(loaded.patients),
        samples=without(loaded.samples),
        visits=without(loaded.visits),
        events=without(loaded.events),
        notes=without(loaded.notes),
        vectors=without(loaded.vectors),
        omics=None if loaded.omics is None else _without(loaded.omics, subjects),
        rejects=loaded.rejects.filter(~pl.col("got").is_in(list(quoted)) & ~pl.col("column").is_in(list(quoted))),
        counts={**loaded.counts, "patients taken out since": len(subjects)},
    )
    if isinstance(spec, Records):
        stays = with_structure(without_structure(stays), spec)  # of the codes that are left
    brought = nodes(stays, spec)
    if "Patient" not in brought and "Sample" not in brought:
        return False
    load_id = load_id or hashlib.sha256("\0".join([str(record["load_id"]), *sorted(subjects)]).encode()).hexdigest()
    same: dict[str, Any] = {name: record[name] for name in ("files", "sha256", "sampled") if name in record}
    kept = {**about(spec), **same}
    tables.save(stays, load_id, kept, brought, left_out(stays))
    return True


def erase(store: Store, tables: Tables, subjects: Collection[str], others: dict[str, frozenset[str]]) -> int:
    """Take patients, their visits and samples out of the graph, wherever they came from; how many nodes there were."""
    found = 0
    for label, ids in ({"Patient": frozenset(subjects)} | others).items():
        params = {"ids": sorted(ids), "own": f"{tables.study}/"}
        own = store.run(schema.cypher(_OWN, LABEL=label), params)["id"].cast(pl.String)
        found += store.remove_nodes(label, own.to_list())
    return found


def _are(subjects: Collection[str]) -> pl.Expr:
    return pl.col("subject_id").is_in(list(subjects))


def _without(omics: AnnData, subjects: Collection[str]) -> AnnData:
    """The samples of the others; of a sparse layer the features that still have a value, or never had one."""
    kept = ~frame(omics.obs, "sample_id")["subject_id"].is_in(list(subjects)).to_numpy()
    part = omics[kept].copy()
    if sparse.issparse(part.X):
        emptied = (_stored(omics.X) > 0) & (_stored(part.X) == 0)
        part = part[:, ~emptied].copy()
    table = variants(omics)
    if table is not None:
        part.uns["variants"] = table.filter(~_are(subjects))
    return part


def _stored(matrix: Any) -> Any:
    """(features,) how many values each has."""
    return sparse.csc_matrix(matrix).getnnz(axis=0)
