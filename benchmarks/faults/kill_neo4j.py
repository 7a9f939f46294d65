"""`kill -9` of the loader and of the server at random moments of a load into Neo4j, then the same command:
kill_neo4j.py STUDY OUT [--loader 20] [--server 5] [--version 5.26] [--seed 1].

STUDY's sources are read where they lie; its store becomes a server that this script starts in OUT and stops again. The
first load is undisturbed: its fingerprint is the measure. A load whose server goes away must end with exit 3 and a
plain message.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import neo4j
from kill import fingerprint, moved, start

WIPE = "MATCH (n) WHERE NOT n:Clinome CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"


def server(out: Path, version: str) -> dict[str, Any]:
    """Start the server of OUT, or find it running."""
    command = ["clinome", "neo4j", "start", "--in", str(out), "--version", version, "--quiet", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    os.environ["CLINOME_NEO4J_USER"] = found["user"]
    os.environ["CLINOME_NEO4J_PASSWORD"] = Path(found["password_file"]).read_text().strip()
    return found


def ask(at: dict[str, Any], text: str) -> list[Any]:
    login = (os.environ["CLINOME_NEO4J_USER"], os.environ["CLINOME_NEO4J_PASSWORD"])
    with neo4j.GraphDatabase.driver(at["uri"], auth=login) as driver, driver.session() as session:
        return [record.values() for record in session.run(text)]


def fresh(study: Path, folder: Path, at: dict[str, Any]) -> Path:
    """The study on this server, with nothing loaded."""
    ask(at, WIPE)
    file = moved(study, folder)
    file.write_text(re.sub(r"(?m)^store\s*=.*$", f'store = "{at["uri"]}"', file.read_text(), count=1))
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--loader", type=int, default=20)
    parser.add_argument("--server", type=int, default=5)
    parser.add_argument("--version", default="5.26")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    random.seed(args.seed)
    at = server(args.out, args.version)
    try:
        study = fresh(args.study, args.out / "undisturbed", at)
        begun = time.perf_counter()
        process = start(study)
        if process.wait():
            raise SystemExit((process.stderr.read() if process.stderr else b"").decode())
        whole, want = time.perf_counter() - begun, fingerprint(study)
        print(f"{at['version']}: undisturbed {whole:.1f} s, fingerprint {want[:16]}", flush=True)
        good = number = 0
        while number < args.loader + args.server:
            victim = "loader" if number < args.loader else "server"
            study = fresh(args.study, args.out / "killed", at)
            process = start(study)
            moment = random.uniform(0.1, 0.95) * whole
            time.sleep(moment)
            batches = ask(at, "MATCH (b:Batch) RETURN count(b)")[0][0]
            if process.poll() is not None:
                continue  # faster than the undisturbed one: not a kill
            os.kill(process.pid if victim == "loader" else at["pid"], signal.SIGKILL)
            code = process.wait()
            said = (process.stderr.read() if process.stderr else b"").decode()
            plain = "Traceback" not in said and (victim == "loader" or (code == 3 and said.strip() != ""))
            at = server(args.out, args.version)
            again = start(study)
            same = again.wait() == 0 and fingerprint(study) == want
            good += same and plain
            row = {"kill": number, "victim": victim, "at": round(moment, 2), "batches": batches}
            print(json.dumps({**row, "exit": code, "said": said.strip()[:120], "equal": same}), flush=True)
            number += 1
        print(f"{good} of {args.loader + args.server} equal, and told plainly")
    finally:
        subprocess.run(["clinome", "neo4j", "stop", "--in", str(args.out), "--quiet"], check=False)
    raise SystemExit(0 if good == args.loader + args.server else 1)


if __name__ == "__main__":
    main()
