"""Which movement each line of a statement takes: the likeliest known one that no other line has, or one that is noted
for it. A statement decides how many movements there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice

from chalicelib.core.values import dataclass
from chalicelib.ledger.movements import KnownMovement, MovementFacts, Source, candidates
from chalicelib.ledger.store.movements import Known, Notes, read_known
from chalicelib.recon import store
from chalicelib.recon.domain import Statement, StatementLine
from chalicelib.recon.positions import Mark
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import BATCH

MOST_NOTED = 7
"""Lines a commit that state a movement nobody has stated: two more writes each."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A line with the movement it takes. `stated_by`: the line of another statement that states the same on the same
    day. `similar`: the key of a movement of the same bank reference with another amount. `is_doubtful`: the movement
    was kept aside as a possible duplicate, and the statement shows that it is one of its own."""

    line: StatementLine
    stated_by: str | None = None
    similar: str = ""
    is_doubtful: bool = False


class Taking:
    """One run over the lines of a statement, as many at once as one commit holds.

    Of equal lines each looks at the same movements, which are read once for all of them; those that the run has seen
    taken are looked at again only before a line notes a movement of its own.
    """

    def __init__(self, tenant: str, statement: Statement) -> None:
        self._tenant = tenant
        self._statement = statement
        self._seen: set[str] = set()

    def take(self, lines: Sequence[StatementLine]) -> tuple[tuple[Taken, ...], tuple[Write, ...]]:
        """As many of the lines as one commit holds, with what it notes for them."""
        notes, taken, noted = Notes(self._tenant, by_line=True), list[Taken](), 0
        around = self._around(lines)
        marks: dict[str, Mark | None] = {}
        used: set[str] = set()
        for line in lines:
            if not line.tells_of_money:
                taken.append(Taken(line))
                continue
            known, fitting = around[line.movement_facts]
            free = self._free(fitting, marks, used)
            if free is not None:
                taken.append(Taken(_taking(line, free), is_doubtful=free.is_doubtful))
            elif noted == MOST_NOTED:
                break
            else:
                noted += 1
                free = notes.add(line.movement_facts, _source(self._statement, line), known)
                taken.append(_noted(self._statement, _taking(line, free), known, fitting, marks))
            used.add(free.key)
        self._seen |= {key for key, mark in marks.items() if mark is not None}
        return tuple(taken), notes.writes()

    def remember(self, taken: Sequence[Taken]) -> None:
        """These are committed: the lines that follow need not look at their movements."""
        self._seen |= {each.line.movement_key for each in taken if each.line.movement_key}

    def _around(self, lines: Sequence[StatementLine]) -> dict[MovementFacts, tuple[Known, list[KnownMovement]]]:
        """What is known around the lines, and what of it each may be, the likeliest first: once for equal lines."""
        wanted = list(dict.fromkeys(line.movement_facts for line in lines))
        found = zip(wanted, read_known(self._tenant, wanted), strict=True)
        return {facts: (known, candidates(facts, known.movements)) for facts, known in found}

    def _free(
        self, fitting: Sequence[KnownMovement], marks: dict[str, Mark | None], used: set[str]
    ) -> KnownMovement | None:
        """The likeliest movement that no line has."""
        for seen in (self._seen, frozenset[str]()):
            for at, each in enumerate(fitting):
                if each.key in used or (each.key in seen and each.key not in marks):
                    continue
                if each.key not in marks:
                    self._read_marks(fitting[at:], marks, without=seen)
                if marks[each.key] is None:
                    return each
        return None

    def _read_marks(
        self, fitting: Sequence[KnownMovement], marks: dict[str, Mark | None], *, without: AbstractSet[str]
    ) -> None:
        """Look whether the next movements have a line each."""
        unread = (each.key for each in fitting if each.key not in marks and each.key not in without)
        keys = list(islice(unread, BATCH))
        found = store.find_marks(self._tenant, self._statement.bank_account_id, keys)
        marks.update({key: found.get(key) for key in keys})


def _taking(line: StatementLine, movement: KnownMovement) -> StatementLine:
    return replace(line, movement_key=movement.key)


def _source(statement: Statement, line: StatementLine) -> Source:
    return Source(statement.statement_id, str(line.number), is_proved=statement.holds)


def _noted(
    statement: Statement,
    line: StatementLine,
    around: Known,
    fitting: Sequence[KnownMovement],
    marks: Mapping[str, Mark | None],
) -> Taken:
    """A line whose movement is noted for it, and what it should be compared with: the line of another statement that
    states the same on the same day, or a movement of the same bank reference with another amount."""
    others = [
        mark.line_id
        for each in fitting
        if (mark := marks.get(each.key)) is not None
        and mark.statement_id != statement.statement_id
        and each.facts.booked_on == line.booked_on
        and each.facts.reference == line.bank_reference != ""
    ]
    similar = [
        each.key
        for each in around.movements
        if each.facts.reference == line.bank_reference != "" and each.facts.amount.minor != line.amount_minor
    ]
    return Taken(line, stated_by=others[0] if others else None, similar=similar[0] if similar else "")
