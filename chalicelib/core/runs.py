"""A run over many subjects: each is attempted, and a failure is that subject's alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from chalicelib.core.values import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure(Generic[T]):
    """A subject that failed, and the error."""

    subject: T
    error: Exception


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """What one run came to: subjects attempted, the sum of what `act` returned for them, and those that failed.
    `is_whole` is False if the run ended before all subjects were attempted."""

    attempted: int
    done: int
    failures: tuple[Failure[T], ...]
    is_whole: bool = True


def attempt_each(
    subjects: Iterable[T], act: Callable[[T], int], *, is_over: Callable[[], bool] = lambda: False
) -> Run[T]:
    """Call `act` with each subject until `is_over`. An error, whatever it is, is kept with its subject, and the next
    subject has its turn."""
    attempted = done = 0
    failures: list[Failure[T]] = []
    for subject in subjects:
        if is_over():
            return Run(attempted, done, tuple(failures), is_whole=False)
        attempted += 1
        try:
            done += act(subject)
        except Exception as error:
            failures.append(Failure(subject, error))
    return Run(attempted, done, tuple(failures))
