"""Load one source end to end: files -> tables -> graph, unless it is there already."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...loaders.errors import InputError
from ...loaders.files.losses import Loss, beyond, from_table
from ...loaders.files.regular_file import check_regular
from ...loaders.specs import AnySource, Images, Knowledge, Notes, Omics, Patients, Samples
from ...loaders.tables import NONE, Known, Loaded, Tally
from ..store.protocol import Store
from ..tables.digest import file_sha256, sha256
from ..tables.source_spec import about
from ..tables.study_tables import Tables, is_shared
from .nodes import nodes
from .relationships import left_out
from .studies import detach, is_used, leave, loads_of, refuse_others
from .write_source import Progress, clear, is_complete, publish, sweep, write_source

_TOLD = 4
_READING = 3
"""Raise it when the same files and the same spec give other tables than before: every source is then read anew."""


@dataclass(frozen=True)
class SourceReport:
    """What became of one source. changed: whether this call wrote anything; seconds: how long the call took."""

    source: str
    tally: Tally
    seconds: float
    changed: bool
    counts: Mapping[str, int]
    rejects: pl.DataFrame
    cells: Tally = NONE
    losses: tuple[Loss, ...] = ()


def load_source(
    store: Store,
    tables: Tables,
    spec: AnySource,
    known: Known,
    *,
    door: Callable[[Loaded], Loaded] = lambda loaded: loaded,
    progress: Progress = lambda rows: None,
    ready: Callable[[], None] = lambda: None,
) -> SourceReport:
    """Bring one source into tables and graph; what is there and unchanged stays, a killed load goes on.

    Args:
        known: patients, samples and genes, as they stand in the files.
        door: what every table passes on its way in: namespace and pseudonyms.
        progress: called with the number of rows after every batch.
        ready: called once the tables are there, before anything goes into the graph.
    Raises: InputError if the source cannot be read or gave no row (what was there before stays), EngineError if the
        store refuses.
    """
    start = time.perf_counter()
    load_id = load_identity(tables, spec, known)
    there = spec.source in tables.sources() and tables.record(spec.source)["load_id"] == load_id
    if there and "sha256" not in tables.record(spec.source):  # tables of before there was a trail to the files
        tables.note(spec.source, sha256=_sums(spec))
    changed = not (there and is_complete(store, tables, spec.source))
    if not there:
        _read(store, tables, spec, known, door, load_id)
    ready()
    write_source(store, tables, spec.source, progress)
    record = tables.record(spec.source)
    rejects = tables.table(spec.source, "rejects")
    assert rejects is not None
    seconds = time.perf_counter() - start
    return SourceReport(
        spec.source, Tally(**record["tally"]), seconds, changed, record["counts"], rejects,
        Tally(**record.get("cells", vars(NONE))), from_table(record.get("losses", [])),
    )  # fmt: skip


def is_as_loaded(tables: Tables, spec: AnySource) -> bool:
    """Whether the source's files and its section are those from which its tables were read."""
    record = tables.record(spec.source)
    try:
        files = _checksums(spec)
    except InputError:
        return False
    return bool(files == record["files"] and all(record[name] == value for name, value in about(spec).items()))


def remove_source(store: Store, tables: Tables, source: str) -> None:
    """Take a source out of the graph and of the tables; other sources, and other studies, keep what they brought.

    Raises: InputError if it is not loaded.
    """
    name = tables.name_of(source)
    for load in (name, *loads_of(store, tables, source)) if is_shared(source) else ():
        detach(store, tables, load)  # an older one too, if the change from it to this one was stopped
    if not (is_shared(source) and is_used(store, name)):
        clear(store, tables, name)
    sweep(store, tables)
    publish(store)
    tables.remove(source)
    leave(store, tables)
    publish(store)


def rebuild(store: Store, tables: Tables) -> None:
    """Bring an empty or older graph to what the tables say, without the files. Cohorts and runs are not in tables."""
    store.prepare()
    for source in tables.sources():
        write_source(store, tables, source)


def load_identity(tables: Tables, spec: AnySource, known: Known) -> str:
    """A hash of all that a source's tables depend on: spec, content of its files, and what was known before.

    Files count by content, wherever they lie.
    """
    parts: dict[str, Any] = {"source": spec.source, "schema": _READING, **about(spec)}
    parts["spec"] = {name: value for name, value in parts["spec"].items() if name != "path"}
    parts["files"] = [_checksum(path) for path in _files(spec)]
    parts["genes"] = known.genes.checksum
    if isinstance(spec, Patients | Samples):
        parts["clock"] = known.clock
    if isinstance(spec, Knowledge):
        parts["opaque"] = sorted(known.opaque.items())
    elif not isinstance(spec, Patients):
        parts["subjects"] = None if known.subjects is None else sorted(known.subjects)
        patients = tables.table("patients", "patients") if "patients" in tables.sources() else None
        parts["ids"] = None if patients is None else sorted(patients["subject_id"])  # namespace and pseudonyms
        parts["samples"] = None if known.samples is None else known.samples.sort("sample_id").write_csv()
    if known.removed.marks and not isinstance(spec, Knowledge):
        parts["removed"] = sorted(known.removed.marks)
    if isinstance(spec, Omics) and spec.profiled not in ("file", "patients"):
        parts["spec"]["profiled"] = _checksum(Path(spec.profiled))
    if isinstance(spec, Notes) and spec.model is not None:
        parts["spec"]["model"] = _checksum(spec.model)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _files(spec: AnySource) -> tuple[Path, ...]:
    """The files that a source is read from."""
    return (*spec.path, spec.ids) if isinstance(spec, Images) and spec.ids is not None else spec.path


def _sums(spec: AnySource) -> list[tuple[str, str]]:
    """Each file's name and SHA-256, as `sha256sum` prints it."""
    return [(path.name, file_sha256(path)) for path in _files(spec)]


def _checksums(spec: AnySource) -> dict[str, str]:
    return {path.name: _checksum(path) for path in _files(spec)}


def _checksum(path: Path) -> str:
    try:
        return sha256([path if path.is_dir() else check_regular(path)])
    except OSError as error:
        raise InputError(
            "this file cannot be read", path.name, error.strerror, "a readable file", "check the path and its rights"
        ) from error


def _read(
    store: Store, tables: Tables, spec: AnySource, known: Known, door: Callable[[Loaded], Loaded], load_id: str
) -> None:
    from ...loaders.registry import read_source

    loaded = door(read_source(spec, known))
    if (refused := refusal(spec, loaded, f"{tables.folder.name}/rejects.csv")) is not None:
        tables.write_rejects(loaded.rejects)
        raise refused
    brought = nodes(loaded, spec)
    refuse_others(store, tables, spec.source, brought)  # before the tables say that these patients are the study's
    files = _checksums(spec)
    record = {**about(spec), "files": files, "sha256": _sums(spec), "sampled": known.samples is not None}
    tables.save(loaded, load_id, record, brought, left_out(loaded))


def _why(loaded: Loaded) -> str:
    """What the loader says of names that name nothing, for a source of nothing else."""
    return "".join(f"it has {n:,} {what}; " for what, n in loaded.counts.items() if what.startswith("names that are"))


def refusal(spec: AnySource, loaded: Loaded, rejects: str) -> InputError | None:
    """Why a source that was read is not loaded; None where it is. rejects: where the list of its rejects lies."""
    if loaded.tally.written == 0:
        return InputError(
            "no row of this source could be used", spec.source,
            f"{loaded.tally.read} rows read, {loaded.tally.rejected} rejected",
            _most_common(loaded.rejects["expected"]) or "at least one row",
            _why(loaded) + (f"{_most_common(loaded.rejects['fix'])}; see {rejects}" if loaded.rejects.height else "look into the file"),
        )  # fmt: skip
    ends = beyond(loaded.losses, loaded.cells.read, spec.accept)
    return TooMuchLost(spec, loaded, ends, rejects) if ends else None


class TooMuchLost(InputError):
    """What a source would lose that nobody would guess from the numbers of its rows: the load ends here.

    report: what became of its rows and cells, as for a source that was loaded.
    """

    def __init__(self, spec: AnySource, loaded: Loaded, ends: list[Loss], rejects: str) -> None:
        kinds = ", ".join(f'"{kind}"' for kind in dict.fromkeys(loss.kind for loss in ends))
        more = f" (and {len(ends) - _TOLD:,} more)" if len(ends) > _TOLD else ""
        super().__init__(
            "too much of this source would be lost: " + "; ".join(str(loss) for loss in ends[:_TOLD]) + more,
            f"[{spec.source}] {spec.path[0].name}",
            fix=f"mend the file (see {rejects}), or add accept = [{kinds}] to the section",
        )
        self.report = SourceReport(
            spec.source, loaded.tally, 0.0, True, loaded.counts, loaded.rejects, loaded.cells, loaded.losses
        )


def _most_common(said: pl.Series) -> str:
    return str(said.drop_nulls().mode().sort().first() or "")
