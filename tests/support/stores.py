"""Every store, for the tests that hold on all of them: the embedded one, and Neo4j on a real server of each version.

    def test_something(stores: Stores) -> None:              # runs once a store, which is empty
        with stores.open() as store: ...

Contract and query tests run on all; the rest on the embedded store.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import VERSIONS, Server, clear

from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import VectorStore

EVERY = ("embedded", *(f"neo4j {version}" for version in VERSIONS))


@dataclass(frozen=True)
class Stores:
    """One kind of store, at one place. server: None of the embedded one."""

    name: str
    folder: Path
    server: Server | None

    def open(self, write: bool = True) -> AbstractContextManager[VectorStore]:
        if self.server is None:
            return EmbeddedStore(self.folder / "contract.graph", write=write)
        return Neo4jStore(self.server.uri, self.server.user, self.server.password, write=write)


@dataclass(frozen=True)
class Kind:
    """Which store: the embedded one, or Neo4j on this server."""

    name: str
    server: Server | None

    def empty(self, folder: Path) -> Stores:
        """A store without any data; of Neo4j the constraints stay."""
        if self.server is not None:
            clear(self.server)
        return Stores(self.name, folder, self.server)


@pytest.fixture(scope="module", params=EVERY)
def kind(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Kind:
    name, _, version = request.param.partition(" ")
    return Kind(name, servers(version) if version else None)


@pytest.fixture
def stores(kind: Kind, tmp_path: Path) -> Stores:
    return kind.empty(tmp_path)
