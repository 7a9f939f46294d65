"""`clinome neo4j start | stop | status`: a real server, of both versions."""

from __future__ import annotations

from servers import Server

from clinome.graphs.neo4j_driver import ping


def test_it_answers_its_user(server: Server) -> None:
    assert ping(server.uri, server.user, server.password).startswith(server.version)
