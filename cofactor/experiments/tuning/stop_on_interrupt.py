"""Ctrl-C as a request to end a search and report its result."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_interrupt(on_request: Callable[[], object] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether Ctrl-C was pressed, for `TuningSession.search`.

    on_request: called at the first Ctrl-C; the second one raises KeyboardInterrupt. Only the main thread can use this.
    """
    is_pressed = False

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal is_pressed
        if is_pressed:
            raise KeyboardInterrupt
        is_pressed = True
        on_request()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: is_pressed
    finally:
        signal.signal(signal.SIGINT, before)
