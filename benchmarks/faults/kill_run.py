"""`kill -9` at random moments of `clinome train`, then the same command: kill_run.py STUDY OUT [--kills 10] [--seed 1].

STUDY's folder is copied to OUT and loaded. The first run is undisturbed: its times and its results are the measure. Each
of the others is killed once and goes on: at a moment drawn, for four of five, from the time in which it has finished
some units and not all. Equal: predictions, results (without seconds and peak memory) and the model, to the last bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl

from clinome.verbs.train import UNITS

MAIN = "from clinome.cli.main import main; main()"
MAY_DIFFER = ("seconds", "peak_mb")


def start(verb: str, study: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", MAIN, verb, str(study), *more, "--quiet"], stdout=subprocess.DEVNULL)


def done(verb: str, study: Path, *more: str) -> float:
    """Seconds that a command took; it must end well."""
    begun = time.perf_counter()
    if code := start(verb, study, *more).wait():
        raise SystemExit(f"clinome {verb} ended with {code}")
    return time.perf_counter() - begun


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in MAY_DIFFER}
    return [plain(one) for one in value] if isinstance(value, list) else value


def found(run: Path) -> tuple[pl.DataFrame, Any, bytes]:
    results = plain(json.loads((run / "results.json").read_text()))
    return pl.read_parquet(run / "predictions.parquet"), results, (run / "model" / "model.safetensors").read_bytes()


def watched(study: Path, name: str) -> tuple[float, float, float]:
    """Seconds until an undisturbed run had its first unit, until it was whole, and until it ended."""
    units, begun, times = study.parent / "runs" / name / UNITS, time.perf_counter(), []
    process = start("train", study, "--name", name)
    while process.poll() is None:
        if units.exists() and any(units.iterdir()):
            times.append(time.perf_counter() - begun)
        time.sleep(0.02)
    if process.returncode or not times:
        raise SystemExit(f"clinome train ended with {process.returncode}, {len(times)} looks at its units")
    return times[0], times[-1], time.perf_counter() - begun


def kill(study: Path, name: str, moment: float) -> tuple[float, int]:
    """Kill a run at this moment, or earlier where it would have ended: when that was, and how many units it had done."""
    run = study.parent / "runs" / name
    while True:
        shutil.rmtree(run, ignore_errors=True)
        process = start("train", study, "--name", name)
        time.sleep(moment)
        if process.poll() is None:
            break
        moment *= 0.9
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)  # its workers notice within a second
    units = run / UNITS
    return moment, sum(unit.suffix != ".part" for unit in units.iterdir()) if units.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    given = args.study if args.study.is_dir() else args.study.parent
    shutil.rmtree(args.out, ignore_errors=True)
    shutil.copytree(given, args.out, ignore=shutil.ignore_patterns("runs", "*.graph", "*.tables"))
    study = args.out / (args.study.name if args.study.is_file() else "study.toml")
    done("load", study)
    first, last, whole = watched(study, "whole")
    predictions, results, model = found(args.out / "runs" / "whole")
    print(
        f"undisturbed: {whole:.1f} s, units from {first:.1f} to {last:.1f} s, {predictions.height:,} predictions",
        flush=True,
    )
    draw, good, least = random.Random(args.seed), 0, 0
    for number in range(args.kills):
        name = f"kill-{number}"
        moment, units = kill(study, name, draw.uniform(0, whole) if number % 5 == 0 else draw.uniform(first, last))
        again = done("train", study, "--name", name)
        p, r, m = found(args.out / "runs" / name)
        same = [p.equals(predictions), r == results, m == model]
        good, least = good + all(same), least + (units > 0)
        line = {"kill": number, "at": round(moment, 2), "units": units, "again": round(again, 1)}
        print(json.dumps({**line, **dict(zip(("predictions", "results", "model"), same, strict=True))}), flush=True)
    print(f"{good} of {args.kills} equal; {least} were killed with units done")
    raise SystemExit(0 if good == args.kills else 1)


if __name__ == "__main__":
    main()
