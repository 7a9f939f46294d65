"""`clinome load --dry-run`: every source is read and told as a load would, and nothing is written."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from clinome.console import Console
from clinome.loaders.errors import ClinomeError, InputError
from clinome.loaders.specs import AnySource, Knowledge
from clinome.loaders.tables import Known, Loaded
from clinome.study import Study
from clinome.verbs.loading.known import known_of
from clinome.verbs.loading.load_report import LoadReport, last_line, say_source
from clinome.verbs.loading.shards import shards_of

if TYPE_CHECKING:
    from clinome.graphs.ingest.load_source import SourceReport
    from clinome.loaders.identifiers.genes import GeneTable

REJECTS = "rejects.csv of a load"


def dry_run(study: Study, console: Console) -> LoadReport:
    """Read every source, say what a load would say of it, and go on where one cannot be read.

    Raises: InputError at the end, if a source could not be loaded: it names all of them.
    """
    from clinome.graphs.ingest.load_source import refusal
    from clinome.loaders.identifiers.genes import GeneTable, read_genes
    from clinome.loaders.registry import read_source

    genes = read_genes(study.identifiers.genes) if study.identifiers.genes else GeneTable.empty()
    read: dict[str, Loaded] = {}
    reports: list[SourceReport] = []
    failed: list[tuple[str, ClinomeError]] = []
    for line in study.unread:
        console(line)
    with shards_of(study) as shards:
        for spec in study.sources():
            begun = time.perf_counter()
            try:
                with console.working(spec.source):
                    loaded = read_source(spec, replace(_known(study, spec, read, genes), shards=shards))
            except ClinomeError as error:
                failed.append((spec.source, error))
                console(f"{spec.source}: cannot be loaded: {error}")
                continue
            reports.append(_report(loaded, time.perf_counter() - begun))
            say_source(reports[-1], console)
            read[spec.source] = loaded
            if (refused := refusal(spec, loaded, REJECTS)) is not None:
                failed.append((spec.source, refused))
                console(f"    a load would end here: {refused}")
    console(last_line(reports, REJECTS))
    console("nothing was written")
    if failed:
        names = ", ".join(source for source, _ in failed)
        raise InputError(f"{len(failed)} of {len(study.sources())} sources would not load", names, fix="see above")
    return LoadReport(tuple(reports))


def _known(study: Study, spec: AnySource, read: dict[str, Loaded], genes: GeneTable) -> Known:
    """What is known before this source, from the sources that were read before it; nothing of it is written."""
    patients = read["patients"].patients if "patients" in read else None
    opaque: dict[str, str] = {}
    for loaded in read.values() if isinstance(spec, Knowledge) else ():
        if loaded.omics is not None:
            named = [str(name) for name in loaded.omics.var_names if str(name).startswith("opaque:")]
            opaque |= {name.removeprefix("opaque:"): name for name in named}
    return known_of(
        study, genes, opaque=opaque, subjects=None if patients is None else frozenset(patients["subject_id"]),
        samples=read["samples"].samples if "samples" in read else None,
    )  # fmt: skip


def _report(loaded: Loaded, seconds: float) -> SourceReport:
    from clinome.graphs.ingest.load_source import SourceReport

    return SourceReport(
        loaded.source, loaded.tally, seconds, True, loaded.counts, loaded.rejects, loaded.cells, loaded.losses
    )
