"""Reading of one source with 1 process and with several: sharded_loads.py FORMAT PATH [--workers 1 2].

Each in a process of its own, the same source: seconds of clock until it is read (processes begun included), seconds of processor of
the process that asked alone (what is left to do in one place), and a hash of all that was read. What a load does with it after is
the same for all.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = """
name = "sharded"
store = "sharded.graph"

[records.ehr]
format = "{format}"
path = "{path}"

[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.index_date AS prediction_time"

[task]
kind = "binary"
target = {{codes = ["ICD10CM:I50"]}}
horizon_days = 365

[learn]
workers = {workers}
"""


def measured(form: str, path: Path, workers: int, folder: Path) -> str:
    from clinome.graphs.tables.study_tables import Tables
    from clinome.loaders.registry import read_source
    from clinome.study import as_study
    from clinome.verbs.loading.load import known_before, read_names
    from clinome.verbs.loading.shards import shards_of

    (folder / "study.toml").write_text(STUDY.format(format=form, path=path.resolve(), workers=workers))
    study = as_study(folder / "study.toml")
    (spec,), tables, names = study.sources(), Tables(study.tables, study.name), read_names(study)
    clock, own = time.perf_counter(), time.process_time()
    with shards_of(study) as shards:
        loaded = read_source(spec, known_before(study, spec, tables, names, shards))
        clock, own = time.perf_counter() - clock, time.process_time() - own
    total = hashlib.sha256(repr((loaded.tally, loaded.cells, loaded.losses, loaded.counts)).encode())
    for table in (loaded.patients, loaded.visits, loaded.events, loaded.concepts, loaded.links, loaded.rejects):
        total.update(b"" if table is None else table.write_csv().encode())
    said = f"{path.name:8} {workers} workers {clock:7.2f} s {own:6.2f} s of this process"
    return f"{said} {loaded.tally.read:>10,} rows {total.hexdigest()[:12]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format")
    parser.add_argument("path", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    if len(args.workers) == 1:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(measured(args.format, args.path, args.workers[0], Path(folder)) + "\n")
        return
    for workers in args.workers:
        command = [sys.executable, __file__, args.format, str(args.path), "--workers", str(workers)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
