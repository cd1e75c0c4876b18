"""camt messages written by hand for one test: sound by default, bent where the test says so. Samples by name."""

from __future__ import annotations

from pathlib import Path

from chalicelib.messages import detect
from chalicelib.messages.model import AccountReport, Statement

SAMPLES = Path(__file__).parent / "samples"
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
ACCOUNT = "<Acct><Id><IBAN>NL62MOCK0000000011</IBAN></Id><Ccy>EUR</Ccy></Acct>"


def sample(name: str) -> bytes:
    """A sample message's bytes."""
    return (SAMPLES / name).read_bytes()


def balance(code: str = "OPBD", amount: str = "100.00", sign: str = "CRDT", currency: str = "EUR") -> str:
    """One Bal; an empty sign leaves the indicator out."""
    indicator = f"<CdtDbtInd>{sign}</CdtDbtInd>" if sign else ""
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='{currency}'>{amount}</Amt>{indicator}"
        "<Dt><Dt>2026-03-02</Dt></Dt></Bal>"
    )


def entry(
    amount: str = "10.00",
    sign: str = "CRDT",
    *,
    currency: str = "EUR",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    booked: str = "<Dt>2026-03-02</Dt>",
    details: str = "",
    more: str = "",
) -> str:
    """One Ntry; `details` is the inside of NtryDtls."""
    return (
        f"<Ntry><Amt Ccy='{currency}'>{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{more}{status}"
        f"<BookgDt>{booked}</BookgDt><AcctSvcrRef>REF</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>"
    )


def detail(amount: str = "", currency: str = "EUR", more: str = "") -> str:
    """One TxDtls, with an amount when one is given."""
    stated = f"<Amt Ccy='{currency}'>{amount}</Amt>" if amount else ""
    return f"<TxDtls>{stated}{more}</TxDtls>"


def message(*statements: str, container: str = "BkToCstmrStmt", namespace: str | None = NAMESPACE) -> bytes:
    """A camt message around the wrappers given."""
    attribute = f" xmlns='{namespace}'" if namespace else ""
    header = "<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-03-03T01:00:00+01:00</CreDtTm></GrpHdr>"
    inside = "".join(statements)
    return f"<Document{attribute}><{container}>{header}{inside}</{container}></Document>".encode()


def statement(*parts: str, account: str = ACCOUNT, wrapper: str = "Stmt") -> str:
    """One Stmt (or Rpt, Ntfctn) holding the parts in the order given."""
    return f"<{wrapper}><Id>S-1</Id>{account}{''.join(parts)}</{wrapper}>"


def read_report(body: bytes) -> AccountReport:
    """The account report in a message; anything else fails the test."""
    report = detect.read(body)
    assert isinstance(report, AccountReport)
    return report


def read_one(*parts: str, account: str = ACCOUNT) -> Statement:
    """The only statement of a camt.053 made of these parts."""
    (only,) = read_report(message(statement(*parts, account=account))).statements
    return only
