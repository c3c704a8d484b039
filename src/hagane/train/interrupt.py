"""Steps that nothing breaks into: no garbage collection, and an interrupt waits until the step is done.

A pass of the collector over the compiler's millions of objects costs more than a step of a small model. A signal only sets an
event, which the loop reads between steps, so that what it then saves is the state after a whole update.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """What exists now is never looked at again, and what comes is not collected while the block runs."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second of either raises KeyboardInterrupt at once.

    Signals go to the main thread; in any other the event is never set.
    """
    event = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
