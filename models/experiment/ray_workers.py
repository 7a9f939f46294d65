"""Ray workers: the same jobs, on the processes of a cluster or of a Ray that is started on this machine.

Snapshot and learners are put into Ray's object store once; no file is shared. What must be there already: this version of
Clinome with its packages, on every node.
"""

from __future__ import annotations

import os
import pickle
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from ...loaders.errors import EngineError, UsageError
from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..base.threads import ENVIRONMENT
from .workers import Asked, Made, Work, Workers

LOCAL = "ray"
PREFIX = "ray://"
_PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""For the processes that Ray begins."""
_LOST = (
    "Check that the cluster is up, has the same Python, Ray and Clinome as this machine, and that this machine has its "
    "token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN), then go on by the same command."
)
_HERE: dict[str, tuple[Snapshot, Sequence[Learner]]] = {}
"""What a worker process works on, by its place in the object store: fetched once."""


class RayWorkers(Workers):
    """Workers of a Ray cluster, one thread and one CPU a job.

    address: `ray://host:port`, or `ray`: the cluster that RAY_ADDRESS names, else one that is started here, on the
    loopback, and ended with this object. A Ray that this process has joined already is used as it is, and left so.
    """

    def __init__(self, snapshot: Snapshot, learners: Sequence[Learner], address: str, cores: int) -> None:
        super().__init__(snapshot, learners, cores)
        self.address = os.environ.get("RAY_ADDRESS", "local") if address == LOCAL else address
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._joined = False
        self._given: Any = None

    def __enter__(self) -> Self:
        ray = _ray()
        if not ray.is_initialized():
            options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
            if self.address == "local":
                self._folder = tempfile.TemporaryDirectory(prefix="clinome-ray-", ignore_cleanup_errors=True)
                options |= {"num_cpus": self.count, "include_dashboard": False, "_node_ip_address": "127.0.0.1",
                            "_temp_dir": self._folder.name}  # fmt: skip
            try:
                _knock(self.address)
                with _private(ray) if self.address == "local" else nullcontext():
                    ray.init(self.address, **options)
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                self._end()
                where = "on this machine" if self.address == "local" else f"at {self.address}"
                raise EngineError(f"Ray does not answer {where} ({type(error).__name__}). {_LOST}") from error
            self._joined = True
        self._given = ray.put(ray.cloudpickle.dumps((self.snapshot, self.learners)))
        return self

    def __call__(self, work: Work[Asked, Made], asked: Sequence[Asked]) -> Iterator[Made]:
        ray = _ray()
        remote = ray.remote(_work).options(num_cpus=1, runtime_env={"env_vars": ENVIRONMENT})
        try:
            left = [remote.remote([self._given], work, _by_wall_clock(one)) for one in asked]
            while left:
                ended, left = ray.wait(left, num_returns=1)
                yield pickle.loads(ray.get(ended[0]))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except (ConnectionError, ray.exceptions.RayError) as error:
            raise EngineError(f"Ray stopped answering ({type(error).__name__}). {_LOST}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._given = None
        if self._joined:
            _ray().shutdown()
        if self._folder is not None:
            self._folder.cleanup()


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError('workers = "ray" needs Ray: pip install "clinome[ray]", or set workers to a number.') from None
    return ray


def _knock(address: str) -> None:
    """Raises: OSError at once where nobody is there; Ray itself would try for half a minute."""
    if address.startswith(PREFIX):
        place = urlsplit(address)
        socket.create_connection((place.hostname or "", place.port or 10001), timeout=10).close()


@contextmanager
def _private(ray: Any) -> Iterator[None]:
    """While Ray is started here: no reports of its use, and its servers on the loopback, which it does by itself on
    systems that ask for every other address."""
    constants, before = ray._private.ray_constants, {name: os.environ.get(name) for name in _PRIVATE}
    cluster, constants.ENABLE_RAY_CLUSTER = constants.ENABLE_RAY_CLUSTER, False
    os.environ |= _PRIVATE
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = cluster
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _work(given: list[Any], work: Work[Asked, Made], one: Asked) -> bytes:
    """In a process of the cluster. given: the reference, in a list, so that Ray does not fetch it for every job."""
    import ray

    place = given[0].hex()
    if place not in _HERE:
        _HERE.clear()
        _HERE[place] = pickle.loads(ray.get(given[0]))
    return pickle.dumps(work(*_HERE[place], _by_own_clock(one)))


def _by_wall_clock(one: Any) -> Any:
    """A deadline as others can read it: every machine's monotonic clock has a beginning of its own."""
    return one if one.deadline is None else replace(one, deadline=one.deadline - time.monotonic() + time.time())


def _by_own_clock(one: Any) -> Any:
    return one if one.deadline is None else replace(one, deadline=one.deadline - time.time() + time.monotonic())
