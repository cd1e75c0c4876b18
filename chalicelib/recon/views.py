"""Statements, lines, breaks and reconciliations as requests and answers have them. Amounts are signed minor units:
money in, and debits of the bank account, are positive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from chalicelib.core.instants import instant_text
from chalicelib.core.masking import masked
from chalicelib.recon.chaining import Link
from chalicelib.recon.domain import MOST_COMMENT, Break, Facts, Match, Reconciled, Statement
from chalicelib.recon.files import File
from chalicelib.web.parse import Body, Id


class ResolutionBody(Body, frozen=True, kw_only=True):
    """Book a break's line against an account, and say why."""

    account_id: Id
    comment: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_COMMENT)]


class RematchBody(Body, frozen=True, kw_only=True):
    """Nothing needs to be said."""


class StatementReceipt(msgspec.Struct, frozen=True):
    """A statement as the upload left it. `status`: loaded or quarantined, with the `reason` its figures do not hold;
    `continuity`: first, chained, gap or overlap (none in quarantine); `matched` + `breaks` = `lines` once loaded."""

    statement_id: str
    bank_statement_id: str
    iban: str
    currency: str
    sequence: int | None
    status: str
    proof: str
    reason: str
    continuity: str | None
    lines: int
    matched: int
    breaks: int


class UploadWarning(msgspec.Struct, frozen=True):
    """The place, from 1, of a statement that was not taken, and why: `unknown_bank_account` (no account of yours),
    `statement_differs`, or what in it cannot be read, with its place in `facts`. `through`: the place of the last of a
    row of statements that were not taken for the same reason."""

    code: str
    statement: int
    through: int
    facts: dict[str, Any]


class UploadReceipt(msgspec.Struct, frozen=True):
    """A file that was taken in, and its statements in the file's order. `status`: accepted, or loading, while its lines
    are stored (`GET /v1/statement-files/{file_id}` shows how far)."""

    file_id: str
    statements: list[StatementReceipt]
    status: str = "accepted"
    warnings: list[UploadWarning] = msgspec.field(default_factory=list)


class StatementView(msgspec.Struct, frozen=True):
    """A statement as it stands now. `difference_minor` is what footing left over; `jump_minor` what lies between the
    closing balance before and this opening one."""

    statement_id: str
    bank_account_id: str
    bank_statement_id: str
    iban: str
    currency: str
    sequence: int | None
    starts_on: str
    ends_on: str
    opening_minor: int | None
    booked_minor: int
    closing_minor: int | None
    difference_minor: int | None
    status: str
    proof: str
    reason: str
    warnings: list[str]
    continuity: str | None
    jump_minor: int | None
    lines: int
    matched: int
    open_breaks: int
    file_sha256: str
    uploaded_at: str
    corrections: int


class StatementCorrectionBody(Body, frozen=True, kw_only=True):
    """Which kept file has the corrected statement, and why it is taken."""

    file_id: Id
    comment: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_COMMENT)]


class StatementCorrectionView(msgspec.Struct, frozen=True, kw_only=True):
    """A statement after its correction: `added` lines are behind the earlier ones, those that take lines back among
    them; `corrections` counts the versions since the first."""

    statement_id: str
    file_id: str
    comment: str
    corrections: int
    added: int
    status: str
    opening_minor: int | None
    booked_minor: int
    closing_minor: int | None
    lines: int
    matched: int
    open_breaks: int


class StatementPage(msgspec.Struct, frozen=True):
    """One page of statements by account, the newest first."""

    statements: list[StatementView]
    next_cursor: str | None


class StatementFileView(msgspec.Struct, frozen=True):
    """An uploaded file. `status`: loading, accepted, or quarantined with the code and the facts of its refusal."""

    file_id: str
    sha256: str
    bytes: int
    status: str
    reason: str
    facts: dict[str, Any]
    statement_ids: list[str]
    uploaded_by: str
    uploaded_at: str
    lines: int
    warnings: list[UploadWarning]


class StatementFileDetail(msgspec.Struct, frozen=True):
    """An uploaded file, and how many of its lines are stored, matched and open breaks."""

    file: StatementFileView
    stored: int
    matched: int
    breaks: int


class StatementFilePage(msgspec.Struct, frozen=True):
    """One page of uploaded files, the newest first."""

    files: list[StatementFileView]
    next_cursor: str | None


class MatchView(msgspec.Struct, frozen=True):
    """The entry that a line and the books agree on, the rule that joined them, and the facts it went by."""

    entry_id: str | None
    rule: str
    why: dict[str, Any]


class BreakResolutionView(msgspec.Struct, frozen=True):
    """How a break ended: `booked` against an account, or `matched` when its entry had come."""

    kind: str
    entry_id: str
    account_id: str | None
    comment: str | None
    resolved_by: str
    resolved_at: str


class BreakView(msgspec.Struct, frozen=True):
    """What is unexplained: on the `line` side a statement line, on the `ledger` side an entry (`source_id`). A break of
    the ledger's side is always open. `age_days` counts whole days until now, or until it was resolved."""

    break_id: str
    side: str
    status: str
    reason: str
    facts: dict[str, Any]
    bank_account_id: str
    source_id: str
    amount_minor: int
    currency: str
    opened_at: str
    age_days: int
    resolution: BreakResolutionView | None


class BreakPage(msgspec.Struct, frozen=True):
    """One page of breaks, the oldest first."""

    breaks: list[BreakView]
    next_cursor: str | None


class StatementLineView(msgspec.Struct, frozen=True):
    """A line with its match, its break, or both: a break that was resolved. `withdraws`: the line that it takes back,
    since the bank has corrected the statement."""

    line_id: str
    number: int
    amount_minor: int
    currency: str
    booked_on: str | None
    valued_on: str | None
    bank_reference: str
    reference: str
    description: str
    counterparty_name: str | None
    counterparty_account: str | None
    withdraws: str | None
    match: MatchView | None
    found_break: BreakView | None = msgspec.field(name="break")


class StatementDetail(msgspec.Struct, frozen=True):
    """A statement and one page of its lines by number."""

    statement: StatementView
    lines: list[StatementLineView]
    next_cursor: str | None


def statement_view(statement: Statement, link: Link | None) -> StatementView:
    """A statement as answers show it."""
    return StatementView(
        statement_id=statement.statement_id,
        bank_account_id=statement.bank_account_id,
        bank_statement_id=statement.bank_statement_id,
        iban=statement.iban,
        currency=statement.currency,
        sequence=statement.sequence,
        starts_on=statement.starts_on.isoformat(),
        ends_on=statement.ends_on.isoformat(),
        opening_minor=statement.opening_minor,
        booked_minor=statement.booked_minor,
        closing_minor=statement.closing_minor,
        difference_minor=statement.difference_minor,
        status=statement.status,
        proof=statement.proof,
        reason=statement.reason,
        warnings=list(statement.warnings),
        continuity=link.continuity if link else None,
        jump_minor=link.jump_minor if link else None,
        lines=statement.lines,
        matched=statement.matched,
        open_breaks=statement.open_breaks,
        file_sha256=statement.file_sha256,
        uploaded_at=instant_text(statement.uploaded_at),
        corrections=statement.corrections,
    )


def file_view(file: File) -> StatementFileView:
    """An uploaded file as answers show it."""
    return StatementFileView(
        file_id=file.file_id,
        sha256=file.sha256,
        bytes=file.bytes,
        status=file.status,
        reason=file.reason,
        facts=_facts(file.facts),
        statement_ids=list(file.statement_ids),
        uploaded_by=file.uploaded_by,
        uploaded_at=instant_text(file.uploaded_at),
        lines=file.lines,
        warnings=[
            UploadWarning(each.code, each.statement, each.through or each.statement, _facts(each.facts))
            for each in file.refused
        ],
    )


def file_detail(file: File, statements: Sequence[Statement]) -> StatementFileDetail:
    """An uploaded file with what became of its lines so far."""
    return StatementFileDetail(
        file=file_view(file),
        stored=sum(each.stored for each in statements),
        matched=sum(each.matched for each in statements),
        breaks=sum(each.open_breaks for each in statements),
    )


def line_view(reconciled: Reconciled, now: datetime) -> StatementLineView:
    """A line as answers show it."""
    line = reconciled.line
    return StatementLineView(
        line_id=line.line_id,
        number=line.number,
        amount_minor=line.amount_minor,
        currency=line.currency,
        booked_on=day_text(line.booked_on),
        valued_on=day_text(line.valued_on),
        bank_reference=line.bank_reference,
        reference=line.reference,
        description=line.description,
        counterparty_name=line.counterparty_name or None,
        counterparty_account=masked(line.counterparty_account) if line.counterparty_account else None,
        withdraws=line.withdraws or None,
        match=_match_view(reconciled.match),
        found_break=None if reconciled.found_break is None else break_view(reconciled.found_break, now),
    )


def break_view(found: Break, now: datetime) -> BreakView:
    """A break as answers show it, as old as it is `now`."""
    return BreakView(
        break_id=found.break_id,
        side=found.side,
        status=found.status,
        reason=found.reason,
        facts=_facts(found.facts),
        bank_account_id=found.bank_account_id,
        source_id=found.source_id,
        amount_minor=found.amount_minor,
        currency=found.currency,
        opened_at=instant_text(found.opened_at),
        age_days=found.age_days(now),
        resolution=_resolution_view(found),
    )


def _match_view(match: Match | None) -> MatchView | None:
    return None if match is None else MatchView(match.entry_id or None, match.rule, _facts(match.why))


def _resolution_view(found: Break) -> BreakResolutionView | None:
    resolution = found.resolution
    if resolution is None:
        return None
    return BreakResolutionView(
        kind=resolution.kind,
        entry_id=resolution.entry_id,
        account_id=resolution.account_id or None,
        comment=resolution.comment or None,
        resolved_by=resolution.resolved_by,
        resolved_at=instant_text(resolution.resolved_at),
    )


def _facts(facts: Facts) -> dict[str, Any]:
    return dict(facts)


def day_text(day: date | None) -> str | None:
    """A day as answers show it."""
    return None if day is None else day.isoformat()
