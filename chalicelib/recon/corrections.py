"""A bank's corrected statement against the one that is stored: which lines it takes back, and which it adds. Pure.

Nothing stored is changed or left out. A line that the bank states no more is taken back by a line of the same amount
with the other sign behind it (`withdraws`), and stated again by one that takes that back. Lines that both state stay as
they are, with what they are matched to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib.core.values import dataclass
from chalicelib.recon.domain import Reconciled, Statement, StatementLine, line_id

Content = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True)
class Addition:
    """A line to be added behind the stored ones: the stated line of this number (from 1), or (0) one that takes back
    the line it `withdraws`. A stated one that `withdraws` a line has that stand no more which took it back before."""

    stated: int
    withdraws: str = ""


def additions(stored: Sequence[Reconciled], stated: Sequence[StatementLine]) -> list[Addition]:
    """What is to be added to a statement's stored lines so that together they say what is stated now: first what is
    taken back, of equal lines the unexplained ones first, then what is new."""
    standing, withdrawn = _standing(stored)
    left = defaultdict[Content, list[StatementLine]](list)
    for line in reversed(stated):
        left[_content(line)].append(line)
    gone: list[Reconciled] = []
    for each in sorted(standing, key=lambda one: (one.match is None, one.line.number)):
        same = left[_content(each.line)]
        if same:
            same.pop()
        else:
            gone.append(each)
    back = [Addition(0, each.line.line_id) for each in sorted(gone, key=lambda one: one.line.number)]
    new = sorted((line for same in left.values() for line in same), key=lambda line: line.number)
    return [*back, *(Addition(line.number, _taken_before(line, withdrawn)) for line in new)]


def added_lines(
    plan: Sequence[Addition], stored: Sequence[StatementLine], stated: Sequence[StatementLine]
) -> list[StatementLine]:
    """The lines of these additions, numbered behind the stored ones."""
    by_id = {line.line_id: line for line in stored}
    lines: list[StatementLine] = []
    for number, each in enumerate(plan, start=len(stored) + 1):
        of = stated[each.stated - 1] if each.stated else by_id[each.withdraws]
        amount = of.amount_minor if each.stated else -of.amount_minor
        own = line_id(of.statement_id, number)
        lines.append(
            replace(of, number=number, line_id=own, amount_minor=amount, movement_key="", withdraws=each.withdraws)
        )
    return lines


def with_correction(before: Statement, stated: Statement, added: int) -> Statement:
    """The statement with the figures of its corrected version, of which `added` lines are still to be stored."""
    return replace(
        before,
        opening_minor=stated.opening_minor,
        closing_minor=stated.closing_minor,
        booked_minor=stated.booked_minor,
        difference_minor=stated.difference_minor,
        proof=stated.proof,
        reason=stated.reason,
        warnings=stated.warnings,
        content_sha256=stated.content_sha256,
        file_sha256=stated.file_sha256,
        uploaded_at=stated.uploaded_at,
        lines=before.stored + added,
        status="loading" if added else "loaded",
        corrections=before.corrections + 1,
        corrected_from=before.stored,
    )


def can_be_taken_back(reconciled: Reconciled) -> bool:
    """Whether a line and the one that takes it back explain one another: nothing else explains it."""
    return reconciled.found_break is not None and reconciled.found_break.status == "open"


def has_taken_back(reconciled: Reconciled) -> bool:
    """Whether a line has taken back one that nothing explained."""
    return reconciled.line.is_set_off


def _standing(stored: Sequence[Reconciled]) -> tuple[list[Reconciled], dict[Content, list[Reconciled]]]:
    """The lines that the statement states, and those that stand for one which it states no more, by its content."""
    by_id = {each.line.line_id: each for each in stored}
    undone = {each.line.withdraws for each in stored if each.line.withdraws}
    backs = [each for each in stored if each.line.withdraws and not by_id[each.line.withdraws].line.withdraws]
    in_force = {each.line.withdraws: each for each in backs if each.line.line_id not in undone}
    standing = [each for each in stored if not each.line.withdraws and each.line.line_id not in in_force]
    withdrawn = defaultdict[Content, list[Reconciled]](list)
    for target, each in in_force.items():
        if can_be_taken_back(each) or has_taken_back(each):
            withdrawn[_content(by_id[target].line)].append(each)
    return standing, withdrawn


def _content(line: StatementLine) -> Content:
    return line.amount_minor, line.bank_reference, str(line.booked_on), str(line.valued_on)


def _taken_before(line: StatementLine, withdrawn: Mapping[Content, list[Reconciled]]) -> str:
    """The line that took an equal one back before and need not any more, or nothing."""
    before = withdrawn.get(_content(line))
    return before.pop().line.line_id if before else ""
