"""An uploaded file of statements: what is kept of it as a whole. Leaves to others: what is in it (`domain.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from typing import Literal

from chalicelib.core.ids import derived_id
from chalicelib.core.values import dataclass
from chalicelib.recon.domain import Facts


@dataclass(frozen=True, slots=True)
class RefusedStatement:
    """A statement of a file that was not taken, while others were: its place, from 1, and why. `through`: the place of
    the last of a row of them that were not taken for the same reason; 0: it stands alone."""

    statement: int
    code: str
    facts: Facts
    through: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file as it was taken. `loading`: some of its `lines` are still to be stored. `quarantined`: refused
    with `reason`, kept in the bucket all the same. `refused`: those of its statements that were not taken.
    """

    file_id: str
    sha256: str
    bytes: int
    status: Literal["loading", "accepted", "quarantined"]
    reason: str
    statement_ids: tuple[str, ...]
    uploaded_by: str
    uploaded_at: datetime
    facts: Facts = field(default_factory=dict)
    lines: int = 0
    refused: tuple[RefusedStatement, ...] = ()


def in_rows(refused: Iterable[RefusedStatement]) -> tuple[RefusedStatement, ...]:
    """Those that stand in a row and were refused alike as one each."""
    rows: list[RefusedStatement] = []
    for each in refused:
        last = rows[-1] if rows else None
        if last and (last.through or last.statement) + 1 == each.statement and _alike(last, each):
            rows[-1] = replace(last, through=each.statement)
        else:
            rows.append(each)
    return tuple(rows)


def _alike(one: RefusedStatement, other: RefusedStatement) -> bool:
    return (one.code, one.facts) == (other.code, other.facts)


def file_id(tenant: str, digest: str) -> str:
    """The id of an uploaded file: from its content, so that the same bytes are the same file."""
    return derived_id("stf", tenant, digest)
