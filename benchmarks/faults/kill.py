"""`kill -9` at twenty moments of a load, then the same command: kill.py STUDY OUT [--times 20].

STUDY's sources are read where they lie; the graph and the tables go to OUT. The first load is undisturbed: its time and
fingerprint are the measure. At least 15 of the kills come after the first committed batch (the rest may come earlier).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import clinome

LOAD = "from clinome.cli.main import main; main()"


def moved(study: Path, folder: Path) -> Path:
    """The same study with its store and tables in `folder`; relative paths are not supported here."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text(study.read_text())
    return folder / "study.toml"


def start(study: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, "load", str(study), "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def fingerprint(study: Path) -> str:
    with clinome.open(clinome.Study.read(study)) as graph:
        return graph.fingerprint()


def committed(study: Path) -> bool:
    """Whether a batch has been committed: the store's log or checkpoint holds something."""
    store = Path(clinome.Study.read(study).store)
    return store.exists() and any(f.stat().st_size > 4096 for f in store.rglob("*") if f.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--times", type=int, default=20)
    args = parser.parse_args()
    study = moved(args.study, args.out / "undisturbed")
    begun = time.perf_counter()
    process = start(study)
    first = None
    while process.poll() is None:
        if first is None and committed(study):
            first = time.perf_counter() - begun
        time.sleep(0.01)
    whole = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit((process.stderr.read() if process.stderr else b"").decode())
    want, first = fingerprint(study), first or 0.0
    print(f"undisturbed: {whole:.1f} s, first batch after {first:.1f} s, fingerprint {want[:16]}")
    early = max(1, args.times // 5)
    moments = [first * (i + 0.5) / early for i in range(early)]
    moments += [first + (whole - first) * (i + 0.5) / (args.times - early) for i in range(args.times - early)]
    good = after = 0
    for number, at in enumerate(moments):
        moment = at
        while True:
            study = moved(args.study, args.out / "killed")
            process = start(study)
            time.sleep(moment)
            was = committed(study)
            if process.poll() is None:
                break
            moment *= 0.8  # it had ended: the machine is quicker than it was, so earlier
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        again = start(study)
        again.wait()
        same = again.returncode == 0 and fingerprint(study) == want
        good, after = good + same, after + was
        print(
            json.dumps({"kill": number, "at": round(moment, 2), "batch": was, "equal": same}),
            flush=True,
        )
    print(f"{good} of {args.times} equal; {after} kills after the first committed batch")
    raise SystemExit(0 if good == args.times else 1)


if __name__ == "__main__":
    main()
