"""Ray cluster: joined, or started on this machine: on the loopback, with a token that this process alone has."""

from __future__ import annotations

import os
import pickle
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from ...loaders.errors import EngineError, UsageError
from ...loaders.files.child_processes import INHERITED, as_child_environment
from ...loaders.files.source_folder import ahead
from ..base.threads import ENVIRONMENT

LOCAL = "ray"
PREFIX = "ray://"
_PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
"""For the processes that Ray begins."""
_LOST = (
    "check that the cluster is up, has the same Python, Ray and Clinome as this machine, and that this machine has its "
    "token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN), then go on by the same command"
)
Part = TypeVar("Part")
Made = TypeVar("Made")


class RayCluster:
    """A Ray cluster that this process has joined.

    address: `ray://host:port`, or `ray`: the cluster that RAY_ADDRESS names, else one that is started here, on the
    loopback, with a token of its own and so many `cores`, and ended with this object. A Ray that this process has joined
    already is used as it is, and left so.
    Raises: EngineError where nobody answers, UsageError without Ray.
    Example:
        with RayCluster("ray", 2) as cluster:
            lengths = list(cluster.in_order(len, ["a", "bcd"]))
    """

    def __init__(self, address: str, cores: int) -> None:
        self.address = os.environ.get("RAY_ADDRESS", "local") if address == LOCAL else address
        self.cores = cores
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._joined = False

    def __enter__(self) -> Self:
        ray = self.ray
        if not ray.is_initialized():
            options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
            self._folder = tempfile.TemporaryDirectory(prefix="clinome-ray-", ignore_cleanup_errors=True)
            if self.is_local:
                path = [one or os.getcwd() for one in sys.path]  # as loky's have it
                options |= {"num_cpus": self.cores, "include_dashboard": False, "_node_ip_address": "127.0.0.1",
                            "_temp_dir": f"{self._folder.name}/r",  # Ray opens it to everybody; what it lies in stays mode 700
                            "job_config": ray.job_config.JobConfig(_py_driver_sys_path=path)}  # fmt: skip
            try:
                _knock(self.address)
                with _private(ray) if self.is_local else nullcontext(), chdir(self._folder.name):
                    ray.init(self.address, **options)  # it puts the current folder on its workers' path
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                self.__exit__(None, None, None)
                where = "on this machine" if self.is_local else f"at {self.address}"
                raise EngineError(f"Ray does not answer {where} ({type(error).__name__}).", _LOST) from error
            self._joined = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._joined:
            self.ray.shutdown()
            _forget_token(self.ray)
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def is_local(self) -> bool:
        """Whether it is one that is started here."""
        return self.address == "local"

    @property
    def ray(self) -> Any:
        """The module. Raises: UsageError where it is not installed."""
        try:
            import ray
        except ImportError:
            raise UsageError(
                'workers = "ray" needs Ray.', 'pip install "clinome[ray]", or set workers to a number'
            ) from None
        return ray

    def remote(self, work: Callable[..., Made]) -> Any:
        """A function of a module as Ray calls it: on one CPU, one thread, without a password."""
        return self.ray.remote(work).options(num_cpus=1, runtime_env={"env_vars": ENVIRONMENT | INHERITED})

    def in_order(self, read: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
        """What was made of each part, in the order of the parts (`loaders.files.source_folder`)."""
        with self.answering():
            packed = self.ray.put(self.ray.cloudpickle.dumps(read))
            made = self.remote(_made)
            for one in ahead(lambda part: made.remote(packed, part), parts, 2 * self.cores):
                yield pickle.loads(self.ray.get(one))

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Within it the error of a piece of work is raised as its own, and one of Ray in plain words."""
        ray = self.ray
        try:
            yield
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except (ConnectionError, ray.exceptions.RayError) as error:
            raise EngineError(f"Ray stopped answering ({type(error).__name__}).", _LOST) from error


def _made(packed: bytes, part: Any) -> bytes:
    """In a process of the cluster."""
    return pickle.dumps(pickle.loads(packed)(part))


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
