"""Parallel batches of relationships into a store, where it takes several at once.

Relationships that start at patients go in parallel, by patient: no two workers write at one patient at a time, so that
they hardly ever wait for each other. All others (knowledge) go one by one, when no patient's are under way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from ..store.protocol import Edges, Store


def cut(edges: Edges, size: int) -> Iterator[Edges]:
    """Batches of at most `size` rows, each node's rows in one of them; a node that alone has more is cut itself.

    Args:
        edges: sorted by start.
    """
    rows, first = edges.rows, 0
    begins = rows["start"].ne_missing(rows["start"].shift()).arg_true().to_list()
    while first < rows.height:
        last = first + size
        if last < rows.height:
            last = begins[bisect_right(begins, last) - 1]
            last = last if last > first else first + size
        yield Edges(edges.type, edges.start_label, edges.end_label, rows.slice(first, last - first))
        first = last


def write_all(
    store: Store,
    load_id: str,
    batches: Iterable[tuple[str, Edges]],
    progress: Callable[[int], None] = lambda rows: None,
) -> None:
    """Each batch as `Store.write_edges` writes it.

    Args:
        batches: by name; each sorted by start.
        progress: called with the number of rows after every batch, by this thread.
    Raises: what the store raises, after the batches under way have ended; no further one is begun.
    """
    if store.workers == 1:
        for name, edges in batches:
            store.write_edges(name, load_id, edges)
            progress(edges.rows.height)
        return
    under_way: deque[tuple[Edges, Future[None]]] = deque()

    def finish_oldest() -> None:
        edges, future = under_way.popleft()
        future.result()
        progress(edges.rows.height)

    with ThreadPoolExecutor(store.workers) as pool:
        try:
            for name, edges in batches:
                while len(under_way) > store.workers or any(_meet(edges, other) for other, _ in under_way):
                    finish_oldest()
                under_way.append((edges, pool.submit(store.write_edges, name, load_id, edges)))
            while under_way:
                finish_oldest()
        finally:
            for _, future in under_way:
                future.cancel()


def _meet(one: Edges, other: Edges) -> bool:
    """Whether they must not be written at the same time: both may have rows of one patient, or some are no patient's."""
    if one.start_label != "Patient" or other.start_label != "Patient":
        return True
    a, b = one.rows["start"], other.rows["start"]
    return bool(len(a) and len(b) and a[0] <= b[-1] and b[0] <= a[-1])
