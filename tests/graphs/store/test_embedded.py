"""The embedded store as a file and a process: one writer, readers that never wait, broken files, killed engines."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import polars as pl
import pytest

from clinome.graphs import schema
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.kglite_process import PATIENCE_S, Engine, EngineFailure
from clinome.graphs.store.protocol import Edges, Nodes
from clinome.loaders.errors import EngineError, InputError

COUNT = "MATCH (p:Patient) RETURN count(p) AS n"
SLOW = "MATCH (a:Patient), (b:Patient), (c:Patient) WHERE a.id + b.id = c.id + 'x' RETURN count(*) AS n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with three patients, saved and closed."""
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        store.prepare()
        write(store, "first", 3)
        store.save()
    return tmp_path / "g"


@pytest.fixture
def writer(folder: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(folder, write=True) as store:
        yield store


def write(store: EmbeddedStore, batch: str, patients: int) -> None:
    ids = [f"{batch}-{i}" for i in range(patients)]
    store.write_nodes(batch, "load", Nodes("Patient", pl.DataFrame({"id": ids})))


def patients(store: EmbeddedStore) -> int:
    return int(store.run(COUNT, {})["n"][0])


def engine_pid(store: EmbeddedStore) -> int:
    assert store._engine is not None
    return store._engine._process.pid


def test_a_second_writer_is_told_after_a_short_wait(folder: Path, writer: EmbeddedStore) -> None:
    begun = time.monotonic()
    with pytest.raises(EngineError, match="another process is writing") as refused:
        EmbeddedStore(folder, write=True)
    assert refused.value.exit_code == 3
    assert PATIENCE_S <= time.monotonic() - begun < PATIENCE_S + 5
    write(writer, "still writing", 1)


def test_a_second_writer_waits_until_the_first_has_ended(folder: Path) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from clinome.graphs.store.embedded import EmbeddedStore\n"
        "with EmbeddedStore(Path(sys.argv[1]), write=True): print('held', flush=True); time.sleep(0.5)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(folder)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with EmbeddedStore(folder, write=True) as store:
            assert patients(store) == 3
    assert first.returncode == 0


def test_readers_neither_block_the_writer_nor_see_what_is_not_saved(folder: Path, writer: EmbeddedStore) -> None:
    with EmbeddedStore(folder, write=False) as reader, EmbeddedStore(folder, write=False) as another:
        write(writer, "second", 2)
        assert (patients(reader), patients(another), patients(writer)) == (3, 3, 5)
        writer.save()
        assert patients(reader) == 3
    with EmbeddedStore(folder, write=False) as reader:
        assert patients(reader) == 5


def test_however_much_is_written_readers_see_the_last_save(folder: Path, writer: EmbeddedStore) -> None:
    """A checkpoint is written whenever the log is long."""
    random = Random(1)  # the engine compresses what repeats
    for k in range(40):
        notes = [random.randbytes(750_000).hex() for _ in range(2)]
        rows = pl.DataFrame({"id": [f"{k}-{i}" for i in range(2)], "note": notes})
        writer.write_nodes(f"large {k}", "load", Nodes("Patient", rows))
    time.sleep(0.5)
    write(writer, "last", 1)
    assert sum(file.stat().st_size for file in folder.iterdir()) > 32 << 20  # of 60 MB, as it is compressed
    with EmbeddedStore(folder, write=False) as reader:
        assert patients(reader) == 3


def test_a_log_is_shortened_when_it_is_long_beside_its_checkpoint(
    folder: Path, writer: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinome.graphs.store.embedded._SHORT_LOG", 20_000)
    checkpoint, log, changed = folder / "graph.kgl", folder / "graph.kgl-wal", []
    for k in range(200):
        write(writer, f"batch {k}", 20)
        changed.append((checkpoint.stat().st_ino, checkpoint.stat().st_size))
        assert log.stat().st_size <= max(20_000, 8 * checkpoint.stat().st_size)
    assert 2 <= len(set(changed)) <= 8  # not one for every 20,000 bytes
    with EmbeddedStore(folder, write=False) as reader:
        assert patients(reader) == 3
    writer.close()
    with EmbeddedStore(folder, write=True) as again:
        assert patients(again) == 3 + 200 * 20


def test_a_save_that_was_killed_is_made_up_for(folder: Path) -> None:
    with EmbeddedStore(folder, write=True) as store:
        write(store, "second", 2)
    with EmbeddedStore(folder, write=False) as reader:
        assert patients(reader) == 3
    with EmbeddedStore(folder, write=True) as store:
        assert patients(store) == 5
        store.save()
    saved = (folder / "saved.kgl").stat().st_ino
    with EmbeddedStore(folder, write=False) as reader:
        assert patients(reader) == 5
    with EmbeddedStore(folder, write=True) as store:
        store.save()  # nothing to save: nothing is written
    assert (folder / "saved.kgl").stat().st_ino == saved


def test_files_are_copied_where_there_are_no_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("os.link", no_links)
    with EmbeddedStore(folder, write=True) as store:
        write(store, "second", 2)
        store.save()
        write(store, "third", 1)
    with EmbeddedStore(folder, write=False) as reader:
        assert patients(reader) == 5


def test_a_reader_of_nothing_is_told_to_load(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clinome load"):
        EmbeddedStore(tmp_path / "nowhere", write=False)
    assert not list(tmp_path.iterdir())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no graph here"):
        EmbeddedStore(tmp_path / "empty", write=False)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("broken", [b"", b"no graph at all" * 99, None])
def test_a_broken_file_is_an_engine_error_that_says_how_to_go_on(
    folder: Path, write: bool, broken: bytes | None
) -> None:
    file = folder / "graph.kgl"  # saved.kgl is the same file
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if broken is None else broken)
    with pytest.raises(EngineError, match="rebuilt from its tables") as refused:
        EmbeddedStore(folder, write=write)
    assert refused.value.exit_code == 3


def test_a_store_of_this_version_is_opened_and_a_newer_one_refused(folder: Path) -> None:
    for version, opens in ((schema.VERSION, True), (schema.VERSION + 1, False)):
        engine = Engine(folder / "graph.kgl", write=True)
        engine.save(version)
        engine.close()
        shutil.copy(folder / "graph.kgl", folder / "saved.kgl")
        for write in (True, False):
            if opens:
                EmbeddedStore(folder, write=write).close()
                continue
            with pytest.raises(EngineError, match="update Clinome") as refused:
                EmbeddedStore(folder, write=write)
            assert str(schema.VERSION + 1) in str(refused.value)


def test_a_killed_engine_is_an_engine_error_and_the_store_reopens(folder: Path, writer: EmbeddedStore) -> None:
    write(writer, "second", 2)
    os.kill(engine_pid(writer), signal.SIGKILL)
    for ask in (lambda: writer.run(COUNT, {}), lambda: write(writer, "third", 1), writer.save):
        with pytest.raises(EngineError):
            ask()
    writer.close()
    with EmbeddedStore(folder, write=True) as again:
        assert patients(again) == 5
        assert again.batches("load") == {"first", "second"}


def test_an_engine_killed_in_a_batch_leaves_all_of_it_or_nothing(folder: Path) -> None:
    for moment in (0.0, 0.02, 0.1, 0.2):
        with EmbeddedStore(folder, write=True) as store:
            before, name = patients(store), f"batch {moment}"
            kill = f"import os, time; time.sleep({moment}); os.kill({engine_pid(store)}, 9)"
            with subprocess.Popen([sys.executable, "-S", "-c", kill]), pytest.raises(EngineError):
                for k in range(1000):
                    write(store, f"{name} {k}", 4000)
        with EmbeddedStore(folder, write=True) as store:
            done = [batch for batch in store.batches("load") if batch.startswith(name)]
            assert patients(store) == before + 4000 * len(done)


def test_the_engine_ends_with_its_client_even_in_the_middle_of_a_query(folder: Path) -> None:
    ask = (
        "import sys; from pathlib import Path; from clinome.graphs.store.embedded import EmbeddedStore\n"
        "import polars as pl; from clinome.graphs.store.protocol import Nodes\n"
        "store = EmbeddedStore(Path(sys.argv[1]), write=True)\n"
        "store.write_nodes('n', 'load', Nodes('Patient', pl.DataFrame({'id': [str(i) for i in range(3000)]})))\n"
        "print('asking', flush=True); store.run(sys.argv[2], {})"
    )
    with subprocess.Popen([sys.executable, "-c", ask, str(folder), SLOW], stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"asking\n"
        time.sleep(0.3)
        client.kill()
    with EmbeddedStore(folder, write=True) as store:  # the lease is free
        assert patients(store) == 3003


def test_a_closed_store_leaves_no_process(folder: Path) -> None:
    with EmbeddedStore(folder, write=False) as store:
        engine = engine_pid(store)
        os.kill(engine, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(engine, 0)


def test_errors_of_writes_quote_no_id(folder: Path, writer: EmbeddedStore) -> None:
    secret = "Jane Doe"
    writer.write_nodes("g", "load", Nodes("Gene", pl.DataFrame({"id": ["g"]})))
    writer.write_nodes("p", "load", Nodes("Patient", pl.DataFrame({"id": [secret]})))
    edges = pl.DataFrame({"start": [secret, "unknown to all"], "end": ["g", "g"]})
    with pytest.raises(EngineError) as refused:
        writer.write_edges("e", "load", Edges("MUTATED_IN", "Patient", "Gene", edges))
    assert "1 ends" in str(refused.value)
    with pytest.raises(EngineError) as twice:
        writer.write_nodes("p", "load", Nodes("Patient", pl.DataFrame({"id": [secret]})))
    for error in (refused, twice):
        assert secret not in str(error.value)
        assert "unknown to all" not in str(error.value)


def test_the_engine_does_not_stop_at_control_c(folder: Path, writer: EmbeddedStore) -> None:
    os.kill(engine_pid(writer), signal.SIGINT)
    assert patients(writer) == 3


def test_what_the_engine_answers_to_nonsense(folder: Path) -> None:
    engine = Engine(folder / "graph.kgl", write=False)
    with pytest.raises(EngineFailure) as wrong:
        engine.cypher("MATCH (", {})
    assert wrong.value.kind == "refused"
    with pytest.raises(EngineFailure) as unknown:
        engine._ask("no such verb")
    assert unknown.value.kind == "refused"
    assert engine.cypher("RETURN 1 AS x", {}) == {"x": [1]}
    engine.close()
    engine.close()
