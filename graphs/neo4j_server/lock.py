"""Lock file of a Neo4j release: every jar that it needs, with its sha256; for moving Clinome to a new one.

python -m clinome.graphs.neo4j_server.lock 5.26 > neo4j/jars/5.26.lock
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from .jars import ROOTS, Release, release


def lock(which: Release) -> str:
    """Resolve what the roots need, download it, and hash it."""
    from jgo.maven import MavenContext

    with TemporaryDirectory() as own:
        context = MavenContext(repo_cache=Path(own), timeout=60)
        roots = [context.create_dependency(f"{root}:{which.version}") for root in ROOTS]
        nodes = context.resolver.get_dependency_list(roots)[1]
        artifacts = {d.artifact.key: d.artifact for d in (*roots, *(node.dep for node in nodes))}
        with ThreadPoolExecutor(8) as pool:
            paths = list(pool.map(lambda artifact: artifact.resolve(), artifacts.values()))
        lines = [
            ":".join(filter(None, (a.groupId, a.artifactId, a.version, a.classifier)))
            + f"  {sha256(path.read_bytes()).hexdigest()}\n"
            for a, path in zip(artifacts.values(), paths, strict=True)
        ]
    head = f"# The jars of Neo4j Community {which.version}. Made by: python -m clinome.graphs.neo4j_server.lock {which.line}\n"
    return head + "".join(sorted(lines))


if __name__ == "__main__":
    sys.stdout.write(lock(release(sys.argv[1])))
