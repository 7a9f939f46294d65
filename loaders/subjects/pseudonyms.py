"""Pseudonyms and namespaces: the door that every table passes; on request ids become keyed hashes.

Ids stand in columns of ids, and elsewhere too: in a kept column that names the mother, in a note, in a batch, as the name of
a sample's column in rejects.csv. `quoted_ids` finds those.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ..errors import InputError
from ..files.atomic import write_atomic
from ..files.spreadsheet_csv import csv_text, read_csv
from ..tables import Loaded
from .quoted_ids import IDS, QuotedIds, without_quoted

if TYPE_CHECKING:
    from anndata import AnnData

KEY, MAP = "pseudonyms.key", "pseudonyms.csv"
Rename = Callable[[pl.Series], pl.Series]
_MAP = {"pseudonym": pl.String, "id": pl.String, "kind": pl.String}


PATIENT, OTHER = "patient", "other"
"""Kinds of ids in the map: only a patient's are looked for in texts; what holds one (`MRN70000-T1`) is then found too."""


def namespaced(loaded: Loaded, prefix: str) -> Loaded:
    """The same source with the prefix before every subject, sample and visit id."""
    return renamed(loaded, lambda ids: prefix + ids) if prefix else loaded


def pseudonymised(loaded: Loaded, key: bytes) -> Loaded:
    """The same source with every subject, sample and visit id as its keyed hash. One id has one hash in all tables."""
    return renamed(loaded, lambda ids: _hashed(ids, key))


def pseudonym(id: str, key: bytes) -> str:
    """HMAC-SHA256 of an id, 128 bits of it as hex: without the key nobody can try names out."""
    return hmac.new(key, id.encode(), sha256).hexdigest()[:32]


def renamed(loaded: Loaded, rename: Rename) -> Loaded:
    """The same source with another name for every subject, sample and visit."""

    def table(frame: pl.DataFrame | None) -> pl.DataFrame | None:
        return None if frame is None else _renamed(frame, rename)

    return replace(
        loaded,
        patients=table(loaded.patients),
        samples=table(loaded.samples),
        visits=table(loaded.visits),
        events=table(loaded.events),
        notes=table(loaded.notes),
        vectors=table(loaded.vectors),
        omics=None if loaded.omics is None else _renamed_omics(loaded.omics, rename),
    )


def door(namespace: str, pseudonymise: bool, tables: Path) -> Callable[[Loaded], Loaded]:
    """What a study's sources pass on their way in. Key and map of the pseudonyms lie in `tables`, mode 600."""

    def enter(loaded: Loaded) -> Loaded:
        if pseudonymise:
            key = _key(tables)
            patients = _remember(loaded, key, tables)
            loaded = without_quoted(pseudonymised(loaded, key), QuotedIds(patients, lambda id: pseudonym(id, key)))
        return namespaced(loaded, namespace)

    return enter


def entered_id(id: str, namespace: str, pseudonymise: bool, tables: Path) -> str:
    """An id as it is called behind the door."""
    return namespace + (pseudonym(id, _key(tables)) if pseudonymise else id)


def forget_ids(ids: Iterable[str], tables: Path) -> None:
    """Take these ids, as the source files have them, out of the map of pseudonyms: nothing finds the way back."""
    known = _map(tables)
    left = known.filter(~pl.col("id").is_in(list(ids)))
    if left.height < known.height:
        write_atomic(tables / MAP, csv_text(left), private=True)


def file_ids(ids: pl.Series, namespace: str, tables: Path) -> list[str | None]:
    """The ids as the source files have them: the way back through the door."""
    bare = ids.str.strip_prefix(namespace)
    known = _map(tables)
    if known.is_empty():
        return bare.to_list()
    return bare.replace(known["pseudonym"], known["id"]).to_list()


def file_samples(samples: pl.DataFrame, namespace: str, tables: Path) -> pl.DataFrame:
    """The samples table with its ids as the source files have them."""
    return samples.with_columns(
        pl.Series(name, file_ids(samples[name], namespace, tables), dtype=pl.String)
        for name in IDS
        if name in samples.columns
    )


def _renamed(frame: pl.DataFrame, rename: Rename) -> pl.DataFrame:
    return frame.with_columns(rename(frame[name]).alias(name) for name in IDS if name in frame.columns)


def _renamed_omics(omics: AnnData, rename: Rename) -> AnnData:
    from anndata import AnnData

    obs = omics.obs.copy()
    obs.index = obs.index.__class__(
        rename(pl.Series(obs.index.to_list(), dtype=pl.String)).to_list(), name=obs.index.name
    )
    obs["subject_id"] = rename(pl.Series(obs["subject_id"].to_list(), dtype=pl.String)).to_list()
    uns = dict(omics.uns)
    if "variants" in uns:
        uns["variants"] = _renamed(uns["variants"], rename)
    return AnnData(X=omics.X, obs=obs, var=omics.var, uns=uns)


def _hashed(ids: pl.Series, key: bytes) -> pl.Series:
    distinct = ids.drop_nulls().unique()
    hashes = pl.Series([pseudonym(id, key) for id in distinct], dtype=pl.String)
    return ids.replace(distinct, hashes)


def _ids(loaded: Loaded, names: tuple[str, ...]) -> Iterable[str]:
    """Every id that a source brings in columns of these names."""
    for frame in (loaded.patients, loaded.samples, loaded.visits, loaded.events, loaded.notes, loaded.vectors):
        if frame is not None:
            for column in set(names) & set(frame.columns):
                yield from frame[column].drop_nulls().unique()
    if loaded.omics is not None:
        yield from loaded.omics.obs["subject_id"]
        yield from loaded.omics.obs_names if "sample_id" in names else ()


def _key(tables: Path) -> bytes:
    tables.mkdir(parents=True, exist_ok=True)
    file = tables / KEY
    if not file.exists():
        if (tables / MAP).exists():
            raise InputError(
                "the key of the pseudonyms is gone", file.name, fix="restore it, or load into another tables folder"
            )
        write_atomic(file, secrets.token_hex(32), private=True)
    return bytes.fromhex(file.read_text().strip())


def _map(tables: Path) -> pl.DataFrame:
    file = tables / MAP
    if not file.exists():
        return pl.DataFrame(schema=_MAP)
    found = read_csv(file, infer_schema=False)
    return found if "kind" in found.columns else found.with_columns(kind=pl.lit(PATIENT))  # of an older Clinome


def _remember(loaded: Loaded, key: bytes, tables: Path) -> list[str]:
    """Add a source's ids to the map, so that whoever may read it finds the way back. Returns: the patients' of the map."""
    patients = set(_ids(loaded, ("subject_id",)))
    ids = sorted(patients | set(_ids(loaded, IDS)))
    kinds = [PATIENT if id in patients else OTHER for id in ids]
    new = pl.DataFrame({"pseudonym": [pseudonym(id, key) for id in ids], "id": ids, "kind": kinds}, schema=_MAP)
    both = pl.concat([_map(tables).select(*_MAP), new]).sort("pseudonym", pl.col("kind") != PATIENT)
    both = both.unique("pseudonym", keep="first", maintain_order=True)
    write_atomic(tables / MAP, csv_text(both), private=True)
    return both.filter(pl.col("kind") == PATIENT)["id"].to_list()
