"""Shards of a load: how the files of a study's sources are read, as its `[learn] workers` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from clinome.loaders.files.source_folder import Shards
from clinome.study import Study

Part = TypeVar("Part")
Made = TypeVar("Made")


@contextmanager
def shards_of(study: Study) -> Iterator[Shards | None]:
    """In so many processes as the study names, or on the Ray that it starts on this machine; None, in this process, where it
    names none, and where Ray is a cluster, which need not see the files. Processes begin with the first files of which there
    are several, and end with the block."""
    workers = study.learn.workers
    with ExitStack() as begun:
        if isinstance(workers, str):
            yield _on_ray(begun, study)
        elif workers > 1:
            from clinome.models.experiment.processes import Processes

            yield begun.enter_context(Processes(workers, networks=False, waiting=False)).in_order
        else:
            yield None


def _on_ray(begun: ExitStack, study: Study) -> Shards | None:
    from clinome.models.experiment.ray_cluster import RayCluster
    from clinome.models.experiment.worker_pool import count_of

    cluster = RayCluster(str(study.learn.workers), count_of(study.learn))
    if not cluster.is_local:
        return None
    joined: list[RayCluster] = []

    def shards(read: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
        if len(parts) < 2:
            return map(read, parts)
        if not joined:
            joined.append(begun.enter_context(cluster))
        return cluster.in_order(read, parts)

    return shards
