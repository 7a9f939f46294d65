"""Broken input through the command: hostile_files.py OUT. Exit codes, messages, and every row accounted for."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from clinome.demo.synthetic_cohort import write_cohort

Break = Callable[[bytes], bytes]


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Break:
    return lambda raw: b"\n".join(change(raw.split(b"\n")))


BREAKS: dict[str, Break] = {
    "truncated": lambda raw: raw[: len(raw) * 2 // 3],
    "empty": lambda raw: b"",
    "only the header": lines(lambda rows: rows[:1]),
    "another delimiter": lambda raw: raw.replace(b",", b"|").replace(b"\t", b"|"),
    "utf-16": lambda raw: raw.decode("utf-8", "replace").encode("utf-16"),
    "latin-1 bytes": lambda raw: raw.replace(b"P", b"\xe9", 50),
    "NUL bytes": lambda raw: raw[: len(raw) // 2] + b"\x00\x00\x00" + raw[len(raw) // 2 :],
    "rows twice": lines(lambda rows: rows[:1] + rows[1:] + rows[1:]),
    "a huge field": lines(lambda rows: [*rows[:3], b"x" * 5_000_000, *rows[3:]]),
    "text in numbers": lambda raw: raw.replace(b".", b"abc", 200),
    "31.02.": lambda raw: raw.replace(b"-01-", b"-31-", 20).replace(b"2019-", b"31.02.2019-", 20),
    "an open quote": lines(lambda rows: [*rows[:2], b'"' + rows[2] if len(rows) > 2 else b'"', *rows[3:]]),
    "cells missing": lines(lambda rows: [r[: len(r) // 2] if i % 7 == 3 else r for i, r in enumerate(rows)]),
    "columns swapped": lines(lambda rows: [b",".join(reversed(r.split(b","))) for r in rows]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    good = args.out / "good"
    shutil.rmtree(args.out, ignore_errors=True)
    write_cohort(good, 1, 200)
    files = sorted(f for f in good.rglob("*") if f.suffix in (".csv", ".tsv", ".maf", ".gmt"))
    kinds = list(BREAKS)
    cases = [(files[i * 5 % len(files)].relative_to(good), kinds[i % len(kinds)]) for i in range(20)]
    bad = 0
    for file, how in cases:
        folder = args.out / "case"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(good, folder)
        (folder / file).write_bytes(BREAKS[how]((good / file).read_bytes()))
        done = subprocess.run(
            ["clinome", "load", str(folder), "--json", "--quiet"], capture_output=True, text=True, check=False
        )
        trace = "Traceback" in done.stderr + done.stdout or "internal" in done.stderr
        adds_up = True
        if done.returncode == 0:
            sources = json.loads(done.stdout.splitlines()[-1])["sources"]
            adds_up = all(s["read"] == s["written"] + s["merged"] + s["rejected"] for s in sources)
        fine = (
            done.returncode in (0, 1) and not trace and adds_up and (done.returncode == 0 or done.stderr.strip() != "")
        )
        bad += not fine
        print(
            f"{'ok ' if fine else 'BAD'} {file!s:24s} {how:18s} exit {done.returncode}  {done.stderr.strip()[:150]}",
            flush=True,
        )
    print(f"{bad} bad of {len(cases)}")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
