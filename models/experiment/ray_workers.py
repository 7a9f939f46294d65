"""Ray workers: the same jobs, on the processes of a cluster or of a Ray that is started on this machine.

What travels: snapshot and learners (pickled, put into Ray's object store once), jobs, what came of them, and this process's
import path; no file is shared, no password, no current folder. What must be there already: this version of Clinome with its
packages, on every node. A Ray that is started here listens on the loopback and asks for a token that this process alone has.
"""

from __future__ import annotations

import os
import pickle
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from ...loaders.errors import EngineError, UsageError
from ...loaders.files.child_processes import INHERITED, as_child_environment
from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..base.threads import ENVIRONMENT
from .workers import Asked, Made, Work, Workers

LOCAL = "ray"
PREFIX = "ray://"
_PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
"""For the processes that Ray begins."""
_LOST = (
    "check that the cluster is up, has the same Python, Ray and Clinome as this machine, and that this machine has its "
    "token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN), then go on by the same command"
)
_HERE: dict[str, tuple[Snapshot, Sequence[Learner]]] = {}
"""What a worker process works on, by its place in the object store: fetched once."""


class RayWorkers(Workers):
    """Workers of a Ray cluster, one thread and one CPU a job.

    address: `ray://host:port`, or `ray`: the cluster that RAY_ADDRESS names, else one that is started here, on the
    loopback, with a token of its own, and ended with this object. A Ray that this process has joined already is used as
    it is, and left so.
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
            self._folder = tempfile.TemporaryDirectory(prefix="clinome-ray-", ignore_cleanup_errors=True)
            if self.address == "local":
                path = [one or os.getcwd() for one in sys.path]  # as loky's have it
                options |= {"num_cpus": self.count, "include_dashboard": False, "_node_ip_address": "127.0.0.1",
                            "_temp_dir": f"{self._folder.name}/r",  # Ray opens it to everybody; what it lies in stays mode 700
                            "job_config": ray.job_config.JobConfig(_py_driver_sys_path=path)}  # fmt: skip
            try:
                _knock(self.address)
                with _private(ray) if self.address == "local" else nullcontext(), chdir(self._folder.name):
                    ray.init(self.address, **options)  # it puts the current folder on its workers' path
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                self._end()
                where = "on this machine" if self.address == "local" else f"at {self.address}"
                raise EngineError(f"Ray does not answer {where} ({type(error).__name__}).", _LOST) from error
            self._joined = True
        self._given = ray.put(ray.cloudpickle.dumps((self.snapshot, self.learners)))
        return self

    def __call__(self, work: Work[Asked, Made], asked: Sequence[Asked]) -> Iterator[Made]:
        ray = _ray()
        remote = ray.remote(_work).options(num_cpus=1, runtime_env={"env_vars": ENVIRONMENT | INHERITED})
        try:
            left = [remote.remote([self._given], work, _by_wall_clock(one)) for one in asked]
            while left:
                ended, left = ray.wait(left, num_returns=1)
                yield pickle.loads(ray.get(ended[0]))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except (ConnectionError, ray.exceptions.RayError) as error:
            raise EngineError(f"Ray stopped answering ({type(error).__name__}).", _LOST) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._given = None
        if self._joined:
            _ray().shutdown()
            _forget_token(_ray())
        if self._folder is not None:
            self._folder.cleanup()


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError(
            'workers = "ray" needs Ray.', 'pip install "clinome[ray]", or set workers to a number'
        ) from None
    return ray


def _knock(address: str) -> None:
    """Raises: OSError at once where nobody is there; Ray itself would try for half a minute."""
    if address.startswith(PREFIX):
        place = urlsplit(address)
        socket.create_connection((place.hostname or "", place.port or 10001), timeout=10).close()


@contextmanager
def _private(ray: Any) -> Iterator[None]:
    """While Ray is started here: no reports of its use; nobody joins without a token that is written nowhere; and its
    servers on the loopback, which it does by itself on systems that ask for every other address."""
    constants = ray._private.ray_constants
    cluster, constants.ENABLE_RAY_CLUSTER = constants.ENABLE_RAY_CLUSTER, False
    try:
        with as_child_environment(**_PRIVATE, RAY_AUTH_TOKEN=secrets.token_hex(32)):
            _forget_token(ray)
            yield
    finally:
        constants.ENABLE_RAY_CLUSTER = cluster


def _forget_token(ray: Any) -> None:
    """Ray reads mode and token of its environment once; a Ray before 2.52 has none."""
    if hasattr(ray._raylet, "AuthenticationTokenLoader"):
        ray._raylet.Config.initialize("")
        ray._raylet.AuthenticationTokenLoader.instance().reset_cache()


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
