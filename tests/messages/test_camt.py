"""camt messages as banks write them: what is read, what deviates, what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import AccountId, Balance
from tests.messages.build import (
    ACCOUNT,
    balance,
    detail,
    entry,
    message,
    read_one,
    read_report,
    sample,
    statement,
)


def test_a_credit_notification_carries_everything_a_booking_needs() -> None:
    report = read_report(sample("credit.camt054.xml"))

    assert (report.kind, report.message_id) == ("notification", "N-2026-0001")
    assert report.created_at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    (only,) = report.statements
    assert only.account == AccountId("NL62MOCK0000000011", "", "CNY", "Steel Marketplace")
    (credit,) = only.entries
    assert (credit.amount_minor, credit.currency, credit.status) == (100_000_000, "CNY", "booked")
    assert (credit.bank_reference, credit.booked_on, credit.valued_on) == (
        "RCV-1",
        date(2026, 3, 2),
        date(2026, 3, 3),
    )
    assert only.warnings == ()


def test_a_statement_carries_its_numbers_period_and_balances() -> None:
    numbers = "<ElctrncSeqNb>7</ElctrncSeqNb><LglSeqNb>3</LglSeqNb><CreDtTm>2026-03-03T00:00:00Z</CreDtTm>"
    period = "<FrToDt><FrDtTm>2026-03-02T00:00:00Z</FrDtTm><ToDtTm>2026-03-02T23:59:59Z</ToDtTm></FrToDt>"

    only = read_one(numbers, period, balance("OPBD", "5.00", "DBIT"), balance("CLBD", "7.50"))

    assert (only.statement_id, only.electronic_sequence, only.legal_sequence) == ("S-1", 7, 3)
    assert only.created_at == datetime(2026, 3, 3, tzinfo=UTC)
    assert (only.starts_at, only.ends_at) == (
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC),
    )
    assert only.balances == (
        Balance("OPBD", -500, "EUR", date(2026, 3, 2)),
        Balance("CLBD", 750, "EUR", date(2026, 3, 2)),
    )


@pytest.mark.parametrize(
    ("container", "wrapper", "kind"),
    [
        ("BkToCstmrStmt", "Stmt", "statement"),
        ("BkToCstmrAcctRpt", "Rpt", "report"),
        ("BkToCstmrDbtCdtNtfctn", "Ntfctn", "notification"),
    ],
)
def test_the_root_element_says_the_kind(container: str, wrapper: str, kind: str) -> None:
    report = read_report(message(statement(entry(), wrapper=wrapper), container=container))

    assert (report.kind, report.statements[0].kind, len(report.statements[0].entries)) == (kind, kind, 1)


@pytest.mark.parametrize("namespace", [None, "urn:iso:std:iso:20022:tech:xsd:camt.053.001.2", "http://bank.example/x"])
def test_a_namespace_missing_or_misspelt_changes_nothing(namespace: str | None) -> None:
    (only,) = read_report(message(statement(entry()), namespace=namespace)).statements

    assert only.entries[0].amount_minor == 1000


def test_a_prefix_and_an_envelope_change_nothing() -> None:
    inside = message(statement(entry()), namespace=None).decode()
    for name in ("Document", "BkToCstmrStmt", "Stmt", "Ntry", "Amt", "CdtDbtInd"):
        inside = inside.replace(f"<{name}", f"<x:{name}").replace(f"</{name}", f"</x:{name}")
    body = f"<Envelope xmlns:x='urn:x'><Head/>{inside}</Envelope>".encode()

    assert read_report(body).statements[0].entries[0].amount_minor == 1000


def test_several_statements_keep_their_entries_balances_and_warnings_apart() -> None:
    other = "<Acct><Id><Othr><Id>42</Id></Othr></Id><Ccy>USD</Ccy></Acct>"
    first = statement(balance(sign=""), entry("1.00"))
    second = statement(entry("2.00", currency="USD"), entry("3.00", currency="USD"), account=other)

    one, two = read_report(message(first, second)).statements

    assert ([e.amount_minor for e in one.entries], [e.amount_minor for e in two.entries]) == ([100], [200, 300])
    assert (one.account.number, two.account.number) == ("NL62MOCK0000000011", "42")
    assert (len(one.balances), len(two.balances)) == (1, 0)
    assert (one.warnings, two.warnings) == (("balance_without_sign",), ())


@pytest.mark.parametrize(
    ("status", "read"),
    [
        ("<Sts>BOOK</Sts>", "booked"),
        ("<Sts><Cd>BOOK</Cd></Sts>", "booked"),
        ("<Sts>PDNG</Sts>", "pending"),
        ("<Sts><Cd>FUTR</Cd></Sts>", "pending"),
        ("<Sts>INFO</Sts>", "info"),
    ],
)
def test_a_status_is_text_or_a_code(status: str, read: str) -> None:
    only = read_one(entry(status=status))

    assert (only.entries[0].status, only.warnings) == (read, ())


def test_an_unknown_status_never_moves_money() -> None:
    only = read_one(entry(status="<Sts><Prtry>DONE?</Prtry></Sts>"))

    assert (only.entries[0].status, only.warnings) == ("info", ("status_unknown",))


def test_a_missing_status_is_booked_on_a_statement_only() -> None:
    stated = read_one(entry(status=""))
    told = read_report(
        message(statement(entry(status=""), wrapper="Ntfctn"), container="BkToCstmrDbtCdtNtfctn")
    ).statements[0]

    assert (stated.entries[0].status, told.entries[0].status) == ("booked", "info")
    assert stated.warnings == told.warnings == ("status_missing",)


def test_a_date_time_stands_for_its_day() -> None:
    only = read_one(entry(booked="<DtTm>2026-03-02T23:59:59+08:00</DtTm>"))

    assert [e.booked_on for e in only.entries] == [date(2026, 3, 2)]


def test_a_reversal_is_marked_and_keeps_the_sign_of_its_movement() -> None:
    only = read_one(entry("8.00", "CRDT", more="<RvslInd>true</RvslInd>"), entry(more="<RvslInd>false</RvslInd>"))

    assert [(e.amount_minor, e.reversal) for e in only.entries] == [(800, True), (1000, False)]


def test_an_amount_without_a_currency_is_in_the_accounts() -> None:
    only = read_one("<Ntry><Amt>1.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts></Ntry>")

    assert (only.entries[0].amount_minor, only.entries[0].currency) == (-150, "EUR")
    assert only.warnings == ("amount_without_currency",)


def test_an_account_without_a_currency_has_that_of_its_balances() -> None:
    bare = "<Acct><Id><IBAN>NL62 MOCK 0000 0000 11</IBAN></Id></Acct>"

    only = read_one(balance(currency="CHF"), account=bare)

    assert (only.account.iban, only.account.currency) == ("NL62MOCK0000000011", "CHF")


def test_a_statement_of_no_account_says_so() -> None:
    assert read_one(account="").warnings == ("account_missing",)


def test_an_entry_without_details_stands_for_itself() -> None:
    only = read_one(entry(details=""))

    assert (only.entries[0].details, only.entries[0].stated_details, only.warnings) == ((), None, ())


@pytest.mark.parametrize(
    ("ends", "closing", "last"),
    [
        ("2026-03-03T00:00:00", "2026-03-02", 2),
        ("2026-03-03T00:00:00.000Z", "2026-03-02", 2),
        ("2026-03-03T00:00:00+08:00", "2026-03-02", 2),
        ("2026-03-03T00:00:00", "2026-03-03", 3),
        ("2026-03-03T00:00:01", "2026-03-02", 3),
        ("2026-03-03T23:59:59", "2026-03-02", 3),
        ("2026-03-03", "2026-03-02", 3),
        ("2026-03-02T00:00:00", "2026-03-02", 2),
    ],
)
def test_a_period_that_ends_as_a_day_begins_ends_with_the_day_before(ends: str, closing: str, last: int) -> None:
    period = f"<FrToDt><FrDtTm>2026-03-02T00:00:00</FrDtTm><ToDtTm>{ends}</ToDtTm></FrToDt>"
    only = read_one(period, balance("CLBD", "1.00").replace("2026-03-02", closing))

    assert (only.starts_on, only.ends_on) == (date(2026, 3, 2), date(2026, 3, last))


def test_a_batch_shows_how_many_of_its_details_are_missing() -> None:
    batch = "<Btch><NbOfTxs>3</NbOfTxs></Btch>" + detail("4.00") + detail("6.00")

    only = read_one(entry(details=batch))

    assert (only.entries[0].stated_details, len(only.entries[0].details)) == (3, 2)
    assert only.warnings == ("details_missing",)


def test_a_batch_may_name_its_count_alone() -> None:
    only = read_one(entry(details="<Btch><NbOfTxs>86</NbOfTxs></Btch>"))

    assert (only.entries[0].stated_details, only.warnings) == (86, ())


@pytest.mark.parametrize(
    ("details", "warnings"),
    [
        (detail("4.00") + detail("6.00"), ()),
        (detail("4.00") + detail("5.00"), ("details_do_not_add_up",)),
        (detail("4.00") + detail(), ()),
        (detail("4.00", "USD") + detail("6.00"), ("detail_in_another_currency",)),
        (detail("four") + detail("6.00"), ("detail_amount_unreadable",)),
        ("<Btch><NbOfTxs>1</NbOfTxs></Btch>" + detail("4.00") + detail("6.00"), ("details_beyond_count",)),
    ],
    ids=["sum", "other sum", "one silent", "other currency", "unreadable", "too many"],
)
def test_details_are_held_against_their_entry(details: str, warnings: tuple[str, ...]) -> None:
    assert read_one(entry(details=details)).warnings == warnings


def test_an_only_detail_without_an_amount_is_worth_the_entry() -> None:
    only = read_one(entry("7.00", "DBIT", details=detail()))

    (found,) = only.entries[0].details
    assert (found.amount_minor, found.currency) == (-700, "EUR")


def test_a_summary_that_counts_other_entries_is_a_warning() -> None:
    summary = "<TxsSummry><TtlNtries><NbOfNtries>35</NbOfNtries></TtlNtries></TxsSummry>"

    assert read_one(summary, entry()).warnings == ("entry_count_differs",)


@pytest.mark.parametrize(
    ("part", "code", "element"),
    [
        (entry("12..34"), "invalid_amount", "Ntry/Amt"),
        (entry("-5.00"), "invalid_amount", "Ntry/Amt"),
        (entry("1.234"), "invalid_amount", "Ntry/Amt"),
        (entry(currency="ZZZ"), "unknown_currency", "Ntry/Amt"),
        (entry(sign=""), "invalid_direction", "Ntry/CdtDbtInd"),
        (entry(sign="BOTH"), "invalid_direction", "Ntry/CdtDbtInd"),
        ("<Ntry><CdtDbtInd>CRDT</CdtDbtInd></Ntry>", "missing_element", "Ntry/Amt"),
        (entry(booked="<Dt>2026-02-30</Dt>"), "date_unreadable", "Ntry/BookgDt"),
        (entry(more="<ValDt><DtTm>soon</DtTm></ValDt>"), "date_unreadable", "Ntry/ValDt"),
        (entry(more="<RvslInd>perhaps</RvslInd>"), "invalid_indicator", "Ntry/RvslInd"),
        (entry(status="<Sts><Cd>DONE</Cd></Sts>"), "status_unknown", "Ntry/Sts"),
    ],
)
def test_an_entry_that_cannot_be_read_says_where_and_the_others_stand(part: str, code: str, element: str) -> None:
    first, bad, last = read_one(entry("1.00"), part, entry("2.00")).entries

    assert (bad.problem, bad.problem_at, bad.status) == (code, element, "info")
    assert [(each.amount_minor, each.status, each.problem) for each in (first, last)] == [
        (100, "booked", ""),
        (200, "booked", ""),
    ]


@pytest.mark.parametrize(
    ("part", "code", "element"),
    [
        (balance(amount="ten"), "invalid_amount", "Bal/Amt"),
        (balance(currency="ZZZ"), "unknown_currency", "Bal/Amt"),
        (balance(sign="UP"), "invalid_direction", "Bal/CdtDbtInd"),
        (balance().replace("2026-03-02", "2026-02-30"), "date_unreadable", "Bal/Dt"),
    ],
)
def test_a_balance_that_cannot_be_read_is_left_out_and_the_statement_says_so(
    part: str, code: str, element: str
) -> None:
    report = read_report(message(statement(part, entry("1.00")), statement(balance(), entry("2.00"))))

    first, second = report.statements
    assert (first.problem, first.problem_at, first.balances) == (code, element, ())
    assert (second.problem, len(second.balances)) == ("", 1)
    assert [each.status for each in (*first.entries, *second.entries)] == ["booked"] * 2


def test_what_deviates_in_an_entry_that_cannot_be_read_is_told_by_its_problem_alone() -> None:
    only = read_one(entry("ten", details=detail("ten")), entry("1.00", details=detail("1.00")))

    assert ([each.problem for each in only.entries], only.warnings) == (["invalid_amount", ""], ())


def test_a_message_without_a_statement_is_refused() -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        read_report(message())

    assert (refusal.value.code, refusal.value.facts) == ("missing_element", {"element": "Stmt"})


def test_more_statements_than_a_message_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.messages.camt.MAX_STATEMENTS", 2)

    with pytest.raises(MessageUnreadable) as refusal:
        read_report(message(*[statement(account=ACCOUNT)] * 3))

    assert refusal.value.code == "message_too_large"


def test_a_detail_outside_an_entry_is_nobodys() -> None:
    assert read_one(detail("4.00"), entry()).entries[0].details == ()
