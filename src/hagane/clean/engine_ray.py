"""The engine on a Ray cluster: Ray says where a task runs, the worker process of `hagane.clean.engine` runs it.

Each Ray worker keeps one such process. So limits on a document, blame for a crash and three attempts are the same code here and
there, and Ray's own retries are left with what it knows best: machines that go away. Tasks, not `ray.data`: a task's rows lie in
files already and its result is a word or two, so there are no blocks to stream or to shuffle, and order and laziness are ours.

Every machine needs hagane and the same disk under the same path. Cost: a task passes two pipes instead of one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from hagane.clean.engine import Engine, Pool
from hagane.errors import HaganeError, MissingToolError

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def on_ray(workers: int | None = None) -> Iterator[Engine]:
    """An engine of `workers` processes, or one for each processor of the cluster.

    The cluster is the one that this program is connected to, else that of `RAY_ADDRESS`, else one that Ray starts on this
    machine. Raises `MissingToolError` where Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # hagane tells nobody what it does; Ray would
    try:
        import ray
    except ImportError as error:
        raise MissingToolError(
            "Ray is not installed.", where="engine: ray", fix="pip install 'hagane[ray]', or `engine: local`."
        ) from error
    connected = ray.is_initialized()
    if not connected:
        ray.init(log_to_driver=False, logging_level="ERROR")
    try:
        # Ray runs what it is given as soon as a processor is free: only without a limit can tasks lie ready.
        yield _Cluster(ray, workers or 2 * int(ray.cluster_resources()["CPU"]))
    finally:
        if not connected:
            ray.shutdown()


class _Cluster:
    def __init__(self, ray: Any, in_flight: int) -> None:
        self._ray, self._in_flight = ray, in_flight
        self._run = ray.remote(num_cpus=1, max_retries=2)(_run)

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        ray, source = self._ray, enumerate(tasks)
        running: dict[Any, tuple[int, T]] = {}
        done: dict[int, R] = {}
        dry, following = False, 0
        try:
            while running or not dry:
                while not dry and len(running) < self._in_flight:
                    found = next(source, None)
                    dry = found is None
                    if found is not None:
                        running[self._run.remote(function, found[1])] = found
                for ready in ray.wait(list(running))[0] if running else ():
                    number, task = running.pop(ready)
                    try:
                        well, value = ray.get(ready)
                    except ray.exceptions.RayError as error:
                        raise _lost(task, error) from error
                    if not well:
                        raise value
                    done[number] = value
                while following in done:
                    yield done.pop(following)
                    following += 1
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


@cache
def _worker() -> Pool:
    """The one process of this Ray worker; it ends with it."""
    return Pool(1)


def _run(function: Callable[[T], R], task: T) -> tuple[bool, R | Exception]:
    try:
        return True, next(_worker().map(function, [task]))
    except Exception as error:
        return False, error


def _lost(task: object, error: Exception) -> HaganeError:
    return HaganeError(
        f"A task did not come back from Ray: {str(error).splitlines()[-1]}",
        where=f"task {repr(task)[:200]}",
        fix="See `ray status`: machines that go away or have no memory left, or on which hagane cannot be imported.",
    )
