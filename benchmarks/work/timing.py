"""Time of a piece of work inside a process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


def cpu_of(work: Callable[[], object]) -> float:
    """Return the CPU seconds that a piece of work takes, all threads together."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


class Stopwatch:
    """Adds up CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def each(self, stage: str, values: Iterable[T]) -> Iterator[T]:
        """Yield the values; what making them takes belongs to the stage."""
        iterator = iter(values)
        while True:
            begun = time.process_time()
            try:
                value = next(iterator)
            except StopIteration:
                return
            finally:
                self._add(stage, begun)
            yield value

    def once(self, stage: str, work: Callable[[], T]) -> T:
        """Do a piece of work that belongs to the stage."""
        begun = time.process_time()
        try:
            return work()
        finally:
            self._add(stage, begun)

    def _add(self, stage: str, begun: float) -> None:
        taken = time.process_time() - begun
        self.seconds[stage] = self.seconds.get(stage, 0.0) + taken
