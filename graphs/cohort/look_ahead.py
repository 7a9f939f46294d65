"""Look-ahead of a cohort query: does it give the same rows where something else comes after their prediction times?

What a query may know of a row is what lies at or before its prediction time. So a few patients are put into a graph of
their own once more for each other future, and the query is asked there: a row that it does not give any more was chosen
by what came after. Labels may differ; they are about the future.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ...loaders.identifiers.curie import DEATH
from ...loaders.tables import Loaded
from ..ingest.nodes import nodes
from ..ingest.write_source import write_source
from ..query.catalog import Catalog
from ..query.cypher import Query, bind, run_lists, understood
from ..store.columns import table
from ..store.embedded import EmbeddedStore
from ..store.protocol import Store
from ..tables.source_spec import about, restore
from ..tables.study_tables import Tables, is_shared
from .cohort import typed

AS_IT_IS, NOTHING, DIED, RETURN = "as_it_is", "nothing", "death", "return"
FUTURES = (AS_IT_IS, NOTHING, DIED, RETURN)
"""What comes after the prediction: what did; nothing; nothing but a death; nothing but one more visit."""
PATIENTS, WITH_LAYERS = 200, 50
"""Patients who are asked about, drawn by lot; so many where the query also sees layers, which are large."""
_STEP = re.compile(r"^[ \t]*//[ \t]*step:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_OMICS = re.compile(r"GAVE|PROFILED|EXPRESSES|MUTATED|HAS_|METHYLATED|:\s*(Gene|Sample|Protein|Variant)")
_KNOWLEDGE = re.compile(
    r"IS_A|MAPS_TO|INTERACTS|ASSOCIATED|IN_PATHWAY|PART_OF|TARGETS|OF_GENE|NEAR|TREATS|\.(name|symbol)\b"
)
_SOON, _RETURN, _STAY = timedelta(minutes=1), timedelta(days=10), timedelta(days=1)


class NotAsked(Exception):
    """Why a query cannot be asked about other futures: no mistake, a limit of the question."""


@dataclass(frozen=True)
class Future:
    """One other future: of `of` rows that the query gives where all is as it is, `gone` are not given there.

    step: the first step of the attrition that loses most of them; None where the query has none.
    """

    future: str
    gone: int
    of: int
    step: str | None = None


def look_ahead(
    query: Query, params: Mapping[str, Any], members: pl.DataFrame, tables: Tables, folder: Path, seed: int = 0
) -> tuple[Future, ...]:
    """Ask the cohort's query about other futures.

    Args:
        members: subject_id, prediction_time of the cohort; of each patient the first row is asked about.
        tables: the study's. folder: an empty one, for a graph of copies.
    Raises: NotAsked where nothing comes after, or the query gives no row even of copies as they are.
    """
    if query.store not in ("any", "embedded"):
        raise NotAsked(f"the query needs {query.store}")
    sources = _needed(query.text, tables)
    layers = any(source.startswith("omics.") for source in sources)
    chosen = _chosen(members, WITH_LAYERS if layers else PATIENTS, seed)
    if chosen.is_empty() or not any(tables.length(source, name) for source in sources for name in ("events", "visits")):
        raise NotAsked("nothing in the study is dated" if chosen.height else "no row has a prediction time")
    copies = Tables(folder / "tables", tables.study)
    died = any(_has_code(tables, source, DEATH) for source in sources)
    back = any(tables.length(source, "visits") for source in sources)
    futures = [name for name in FUTURES if (name != DIED or died) and (name != RETURN or back)]
    for source in sources:
        _copy(tables, copies, source, chosen, futures)
    store = EmbeddedStore(folder / "graph", write=True)
    try:
        store.prepare()
        for source in sources:
            write_source(store, copies, source)
        return _compare(store, query, bind(query, params), chosen, futures)
    finally:
        store.close()


def _chosen(members: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """subject_id, at: the first row of some patients."""
    first = members.drop_nulls("prediction_time").group_by("subject_id").agg(at=pl.col("prediction_time").min())
    first = first.sort("subject_id")
    return first.sample(min(most, first.height), seed=seed, shuffle=True)


def _needed(text: str, tables: Tables) -> list[str]:
    """Sources that the query can see: layers and knowledge only where it names what they bring."""
    omics, knowledge = _OMICS.search(text) is not None, _KNOWLEDGE.search(text) is not None
    return [
        source
        for source in tables.sources()
        if (knowledge if is_shared(source) else omics if source == "samples" or source.startswith("omics.") else True)
    ]


def _has_code(tables: Tables, source: str, code: str) -> bool:
    events = tables.table(source, "events")
    return events is not None and events.select((pl.col("code") == code).any()).item()


def _copy(tables: Tables, copies: Tables, source: str, chosen: pl.DataFrame, futures: list[str]) -> None:
    """One source of the copies: each chosen patient once for each future."""
    loaded, record = tables.read(source), tables.record(source)
    spec = restore(record)
    if not is_shared(source):
        loaded = _copied(loaded, chosen, futures, str(record["spec"].get("observed_until") or ""))
    kept = {"files": {}, "sampled": bool(record["sampled"])}
    copies.save(loaded, f"copy-{source}", {**about(spec), **kept}, nodes(loaded, spec))


def _copied(loaded: Loaded, chosen: pl.DataFrame, futures: list[str], until: str) -> Loaded:
    parts: dict[str, Any] = {}
    for name in ("patients", "samples", "visits", "events"):
        found = getattr(loaded, name)
        if found is not None:
            made = [_in_future(name, found, chosen, future, until) for future in futures]
            parts[name] = pl.concat(made, how="diagonal_relaxed")
    if loaded.omics is not None:
        parts["omics"] = _omics(loaded.omics, chosen, futures)
    return Loaded(
        loaded.source, loaded.tally, loaded.rejects.clear(), clock=loaded.clock, concepts=loaded.concepts, **parts
    )


def _in_future(name: str, rows: pl.DataFrame, chosen: pl.DataFrame, future: str, until: str) -> pl.DataFrame:
    """The chosen patients' rows of one table in one future, under ids of their own."""
    mine = rows.join(chosen, on="subject_id", how="inner", maintain_order="left")
    if future != AS_IT_IS:
        mine = _before(name, mine, until)
        if name == "events" and future == DIED and mine.height:
            mine = pl.concat([mine, _deaths(mine)], how="diagonal_relaxed")
        if name == "visits" and future == RETURN and mine.height:
            mine = pl.concat([mine, _returns(mine)], how="diagonal_relaxed")
    ids = [one for one in ("subject_id", "visit_id", "sample_id") if one in mine.columns]
    return mine.drop("at").with_columns(pl.col(one) + f"#{future}" for one in ids)


def _before(name: str, rows: pl.DataFrame, until: str) -> pl.DataFrame:
    """What was known by then: an unfinished visit and observation end right after it, later dates are none."""
    at = pl.col("at")
    match name:
        case "visits":
            rows = rows.filter(pl.col("start_time").is_null() | (pl.col("start_time") <= at))
            ended = pl.when(pl.col("end_time") > at).then(at + _SOON).otherwise("end_time")
            return rows.with_columns(end_time=ended)
        case "patients":
            moments = [c.name for c in rows if c.name != "at" and c.dtype == pl.Datetime("us")]
            return rows.with_columns(
                pl.when(pl.col(c) > at)
                .then(at + _SOON if c in ("observed_until", until) else None)
                .otherwise(c)
                .alias(c)
                for c in moments
            )
        case _:
            times = [c for c in ("time", "known_time") if c in rows.columns]
            return rows.filter(pl.col(c).is_null() | (pl.col(c) <= at) for c in times)


def _deaths(events: pl.DataFrame) -> pl.DataFrame:
    first = events.unique("subject_id", keep="first", maintain_order=True)
    at = pl.col("at") + _SOON
    empty = [pl.lit(None).alias(c) for c in ("numeric_value", "text_value", "visit_id", "unit")]
    return first.with_columns(pl.lit(DEATH).alias("code"), *empty, time=at, known_time=at)


def _returns(visits: pl.DataFrame) -> pl.DataFrame:
    last = visits.sort("start_time").unique("subject_id", keep="last", maintain_order=True)
    start = pl.col("at") + _RETURN
    return last.with_columns(pl.col("visit_id") + "#later", start_time=start, end_time=start + _STAY)


def _omics(omics: Any, chosen: pl.DataFrame, futures: list[str]) -> Any:
    import anndata

    at = dict(chosen.iter_rows())
    obs = omics.obs
    mine = obs["subject_id"].isin(list(at)).to_numpy()
    parts = []
    for future in futures:
        part = omics[mine].copy()
        part.obs["subject_id"] = [f"{one}#{future}" for one in part.obs["subject_id"]]
        part.obs_names = [f"{one}#{future}" for one in part.obs_names]
        if future != AS_IT_IS:
            limit = pl.Series([at[one.rpartition("#")[0]] for one in part.obs["subject_id"]])
            for name in ("time", "known_time"):
                if name in part.obs:
                    told = pl.Series(part.obs[name].to_numpy()).cast(pl.Datetime("us"), strict=False)
                    keep = (told.is_null() | (told <= limit)).to_numpy()
                    part, limit = part[keep].copy(), limit.filter(pl.Series(keep))
        parts.append(part)
    made = anndata.concat(parts, merge="same")
    made.var, made.uns = omics.var.copy(), dict(omics.uns)
    return made


def _compare(
    store: Store, query: Query, params: Mapping[str, Any], chosen: pl.DataFrame, futures: list[str]
) -> tuple[Future, ...]:
    catalog = Catalog(store)
    given = run_lists(store, query, params, catalog=catalog)
    if "subject_id" not in given or "prediction_time" not in given or not given["subject_id"]:
        raise NotAsked("the query gives no row of patients copied as they are")
    rows = typed(table({name: given[name] for name in ("subject_id", "prediction_time")}))
    there = {
        future: chosen.join(
            rows.with_columns(pl.col("subject_id").str.strip_suffix(f"#{future}")),
            left_on=["subject_id", "at"], right_on=["subject_id", "prediction_time"], how="semi",
        )["subject_id"].to_list()
        for future in futures
    }  # fmt: skip
    asked = set(there.pop(AS_IT_IS))
    if not asked:
        raise NotAsked("the query gives no row of patients copied as they are")
    gone = {future: asked - set(found) for future, found in there.items()}
    return tuple(
        Future(future, len(lost), len(asked), _step(store, query, params, catalog, {f"{one}#{future}" for one in lost}))
        for future, lost in gone.items()
    )


def _step(store: Store, query: Query, params: Mapping[str, Any], catalog: Catalog, lost: set[str]) -> str | None:
    """The step at which most of them are lost."""
    left, at = set(lost), Counter[str]()
    for line in _STEP.finditer(query.text) if lost else ():
        text = query.text[: line.start()] + "\nRETURN DISTINCT p.id AS subject_id"
        found = store.lists(understood(store, text, params, catalog).text, params)
        missing = left - set(found["subject_id"])
        at[line.group(1)] += len(missing)
        left -= missing
    return at.most_common(1)[0][0] if at and at.most_common(1)[0][1] else None
