"""Study tables: what each source brought, as Parquet with checksums; the graph is built from them.

```
TABLES/study.json               whose tables these are
TABLES/rejects.csv              every refused row of every source (mode 600: it quotes them)
TABLES/omics.rna/record.json    which load is current: spec, files, rows, checksums
TABLES/omics.rna/<load>/        its tables; nodes/<Label>.parquet: the nodes it brings to the graph
```
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ...loaders.errors import EngineError, InputError
from ...loaders.files.atomic import write_atomic
from ...loaders.files.losses import from_table
from ...loaders.files.losses import table as loss_table
from ...loaders.files.spreadsheet_csv import csv_text
from ...loaders.tables import NONE, REJECTS, Loaded, Tally
from .. import schema
from .digest import digest, sha256
from .matrices import read_matrix, write, write_matrix

OWNER = "study.json"
_GOING = ".removing"
KINDS = ("patients", "samples", "visits", "events", "notes", "vectors", "concepts", "links")


class Tables:
    """The tables of a study, a folder a source. A save is atomic: readers see the old load or the new one.

    Args:
        study: whose they are, unless the folder says so itself; study files that share a folder share its study.
    Example:
        tables = Tables(study.tables, study.name)
        events = tables.read("records.ehr").events
    """

    def __init__(self, folder: Path, study: str = "study") -> None:
        self.folder = Path(folder)
        self.study, self.token = read_owner(self.folder) or (study, "")

    def claim(self) -> None:
        """Note whose tables these are, and a token by which the graph knows them again wherever they lie."""
        if not self.token:
            self.token = secrets.token_hex(16)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.folder / OWNER, json.dumps({"study": self.study, "token": self.token}, indent=1))

    def name_of(self, source: str) -> str:
        """What the source is called in the graph, where other studies have sources too.

        STUDY/SOURCE; knowledge, which studies share, goes by its content: knowledge.reactome@CONTENT.
        """
        if not is_shared(source):
            return f"{self.study}/{source}"
        return f"{source}@{self.record(source).get('content') or content(self.read(source))}"

    def load_of(self, source: str) -> str:
        """The id of the source's current load in the graph."""
        return self.name_of(source) if is_shared(source) else f"{self.study}/{self.record(source)['load_id']}"

    def owns(self, name: str) -> bool:
        """Whether what is called so in the graph is a source of this study."""
        return name.startswith(f"{self.study}/") or name in self.knowledge()

    def knowledge(self) -> list[str]:
        """The study's sources of knowledge, by their names in the graph."""
        return [self.name_of(source) for source in self.sources() if is_shared(source)]

    def sources(self) -> tuple[str, ...]:
        """Names of the sources that were saved, sorted."""
        return tuple(sorted(path.parent.name for path in self.folder.glob("*/record.json")))

    def record(self, source: str) -> dict[str, Any]:
        """What is known of the current load: load_id, section, spec, files, sha256, tally, counts, clock, checksums.

        Raises: InputError if the source was not loaded.
        """
        try:
            found: dict[str, Any] = json.loads((self.folder / source / "record.json").read_text())
        except FileNotFoundError:
            raise InputError(
                "this source is not loaded",
                source,
                expected=", ".join(self.sources()),
                fix="load it first: clinome load STUDY",
            ) from None
        return found

    def save(
        self,
        loaded: Loaded,
        load_id: str,
        about: Mapping[str, Any],
        nodes: Mapping[str, pl.DataFrame] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> dict[str, Any]:
        """Write one source's tables, then make them the current ones; returns the record.

        Args:
            loaded: what the loader returned.
            load_id: hash of spec and files; names the folder.
            about: what the record shall hold beside (section, spec, files, layer, kind, scale), JSON-able.
            nodes: label -> nodes with id and properties that this source brings.
            counts: what was left out on the way to the graph, beside the loader's own counts.
        """
        home = self.folder / loaded.source
        folder = home / load_id[:16]
        home.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "nodes").mkdir(parents=True)
        for name in KINDS:
            table = getattr(loaded, name)
            if table is not None:
                write(folder / f"{name}.parquet", table)
        uns: dict[str, Any] = {}
        if loaded.omics is not None:
            write_matrix(folder, loaded.omics)
            uns = {k: v for k, v in loaded.omics.uns.items() if isinstance(v, str | int | float | bool)}
        for label, table in (nodes or {}).items():
            write(folder / "nodes" / f"{schema.label(label)}.parquet", table)
        write(folder / "rejects.parquet", loaded.rejects)
        (folder / "rejects.parquet").chmod(0o600)
        record = {
            "source": loaded.source, "load_id": load_id, **about, "uns": uns, "tally": vars(loaded.tally),
            "counts": {**loaded.counts, **(counts or {})}, "clock": loaded.clock, "schema_version": schema.VERSION,
            "cells": vars(loaded.cells), "losses": loss_table(loaded.losses), "checksums": _checksums(folder),
            **({"content": content(loaded)} if is_shared(loaded.source) else {}),
        }  # fmt: skip
        write_atomic(home / "record.json", json.dumps(record, indent=1, sort_keys=True))
        for other in home.iterdir():
            if other.is_dir() and other != folder:
                shutil.rmtree(other, ignore_errors=True)
        self.write_rejects()
        return record

    def note(self, source: str, **more: Any) -> None:
        """Add to the record of a source what an earlier version did not write there."""
        record = json.dumps({**self.record(source), **more}, indent=1, sort_keys=True)
        write_atomic(self.folder / source / "record.json", record)

    def read(self, source: str) -> Loaded:
        """The source's tables as its loader returned them; X of omics as float32.

        Raises: InputError if the source was not loaded, EngineError if a file is missing or broken.
        """
        record, folder = self.record(source), self._current(source)
        try:
            tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in KINDS if _has(folder, name)}
            return Loaded(
                source=source,
                tally=Tally(**record["tally"]),
                rejects=pl.read_parquet(folder / "rejects.parquet"),
                omics=read_matrix(folder, record["uns"]) if _has(folder, "obs") else None,
                clock=record["clock"],
                counts=record["counts"],
                cells=Tally(**record.get("cells", vars(NONE))),
                losses=from_table(record.get("losses", [])),
                **tables,
            )
        except (OSError, pl.exceptions.PolarsError) as error:
            raise EngineError(
                f"{folder}: a table is missing or broken, or another command is changing it.",
                "wait for commands that run on this study; if there is none, remove this folder and load again",
            ) from error

    def table(self, source: str, name: str) -> pl.DataFrame | None:
        """One table of a source by its file name ("events", "obs", "var", "variants", …), or None."""
        folder = self._current(source)
        return pl.read_parquet(folder / f"{name}.parquet") if _has(folder, name) else None

    def scan(self, source: str, name: str) -> pl.LazyFrame | None:
        """The same, read only as far as it is used: for tables that are larger than memory."""
        folder = self._current(source)
        return pl.scan_parquet(folder / f"{name}.parquet") if _has(folder, name) else None

    def length(self, source: str, name: str) -> int:
        """How many rows one table of a source has, without reading it; 0 where there is none."""
        folder = self._current(source)
        file = folder / f"{name}.parquet"
        return int(pl.scan_parquet(file).select(pl.len()).collect().item()) if _has(folder, name) else 0

    def nodes(self, source: str, label: str) -> pl.DataFrame | None:
        """The nodes of this label that the source brings: id and properties."""
        return self.table(source, f"nodes/{schema.label(label)}")

    def labels(self, source: str) -> tuple[str, ...]:
        """Labels of the nodes that the source brings, sorted."""
        return tuple(sorted(path.stem for path in (self._current(source) / "nodes").glob("*.parquet")))

    def remove(self, source: str) -> None:
        """Take a source out, with its rejects. A source that is not there is an InputError."""
        self.record(source)
        self.clean()
        (self.folder / _GOING).mkdir()
        (self.folder / source).rename(self.folder / _GOING / source)
        self.clean()

    def going(self) -> tuple[str, ...]:
        """Sources whose removal was stopped; `clean` ends it."""
        return tuple(sorted(path.name for path in (self.folder / _GOING).glob("*")))

    def clean(self) -> None:
        """Leave nothing on the disk but the current load of each source, whatever was stopped before."""
        for source in self.sources():
            for path in (self.folder / source).iterdir():
                if path.is_dir() and path != self._current(source):
                    shutil.rmtree(path)
        for path in self.folder.rglob("*.part"):
            if path.is_file():  # a source may be called so
                path.unlink()
        if self.going():
            self.write_rejects()
        shutil.rmtree(self.folder / _GOING, ignore_errors=True)

    def subjects(self) -> frozenset[str]:
        """Every subject that any source brings."""
        found = (self.nodes(source, "Patient") for source in self.sources())
        return frozenset(one for table in found if table is not None for one in table["id"])

    def opaque_names(self) -> dict[str, str]:
        """Bare name -> CURIE over the features of all opaque layers."""
        names: dict[str, str] = {}
        for source in self.sources():
            var = self.table(source, "var")
            if var is not None:
                ids = var.filter(pl.col("id").str.starts_with("opaque:"))["id"]
                names |= {one.removeprefix("opaque:"): one for one in ids}
        return names

    def concept_names(self) -> dict[str, str]:
        """CURIE -> what it is called, of codes, pathways and whatever else a source describes."""
        names: dict[str, str] = {}
        for source in self.sources():
            concepts = self.table(source, "concepts")
            if concepts is not None:
                named = concepts.select("id", "name").filter(pl.col("name") != pl.col("id")).drop_nulls()
                names = dict(named.iter_rows()) | names
        return names

    def write_rejects(self, beside: pl.DataFrame | None = None) -> None:
        """rejects.csv anew from every source, and `beside` them of one that gave no row; its owner alone may read it."""
        found = [pl.DataFrame(schema=REJECTS)] if beside is None else [beside.select(list(REJECTS))]
        self.folder.mkdir(parents=True, exist_ok=True)
        for source in self.sources():
            table = self.table(source, "rejects")
            if table is not None:
                found.append(table.select(list(REJECTS)).cast(dict(REJECTS)))  # type: ignore[arg-type]
        write_atomic(self.folder / "rejects.csv", csv_text(pl.concat(found)), private=True)

    def _current(self, source: str) -> Path:
        return self.folder / source / str(self.record(source)["load_id"])[:16]


def is_shared(source: str) -> bool:
    """Whether studies that load the same of this source share it in the graph: knowledge is nobody's own."""
    return source.startswith("knowledge.")


def content(loaded: Loaded) -> str:
    """A hash of what a source of knowledge says, whichever study loads it, in 16 hex digits."""
    total = hashlib.sha256(json.dumps(vars(loaded.tally), sort_keys=True).encode())
    for table in (loaded.concepts, loaded.links):
        if table is not None and table.height:
            counts = table.drop("source", strict=False).select(pl.all().n_unique()).row(0, named=True)
            same = {name: table[name][0] for name, count in sorted(counts.items()) if count == 1}
            varying = [name for name, count in counts.items() if count > 1]
            total.update(f"\0{json.dumps(same)}\0{table.height}\0{digest(table.select(varying))}".encode())
        total.update(b"\0")
    return total.hexdigest()[:16]


def read_owner(folder: Path) -> tuple[str, str] | None:
    """The study whose tables lie in this folder, and their token; None where it does not say."""
    try:
        owner = json.loads((folder / OWNER).read_text("utf-8"))
        return str(owner["study"]), str(owner["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _has(folder: Path, name: str) -> bool:
    return (folder / f"{name}.parquet").exists()


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*.parquet"))
    return {path.relative_to(folder).as_posix(): sha256([path]) for path in files}
