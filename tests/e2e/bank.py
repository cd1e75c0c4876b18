"""A bank of the tests' own, beside mock-bank: it signs what it is told to, and knows how camt messages look.

Amounts are minor units of CNY, money in positive.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from xml.sax.saxutils import escape

from infra.bank.sign import create_key, public_key, sign_detached
from tests.e2e.web import JSON, Reply, Web

CURRENCY = "CNY"
DAY = date(2026, 3, 2)
XML = "application/xml"
SIGNATURE = "X-JWS-Signature"
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:{}"


@dataclass(frozen=True, slots=True)
class Line:
    """A booked movement as a bank tells of it."""

    bank_reference: str
    minor: int
    reference: str = ""
    note: str = ""
    end_to_end_id: str = "NOTPROVIDED"


@dataclass(frozen=True)
class Bank:
    """A registered bank: its id, its private key, and the API its callbacks go to."""

    bank_id: str
    private_key_pem: bytes
    web: Web

    @property
    def path(self) -> str:
        """Where its callbacks go."""
        return f"/v1/banks/{self.bank_id}/callbacks"

    def sign(self, body: bytes, message_id: str, *, issued_at: datetime | None = None) -> str:
        """The signature over a body, as of now or an instant."""
        return sign_detached(
            body,
            private_key_pem=self.private_key_pem,
            bank_id=self.bank_id,
            message_id=message_id,
            issued_at=issued_at or datetime.now(UTC),
        )

    def tell(self, body: bytes, message_id: str, *, kind: str = XML) -> Reply:
        """Send a message, rightly signed."""
        return self.deliver(body, self.sign(body, message_id), kind=kind)

    def deliver(self, body: bytes, signature: str | None, *, kind: str = XML) -> Reply:
        """Send a body with the signature given, or none."""
        signed = {} if signature is None else {SIGNATURE: signature}
        return self.web.send("POST", self.path, body, {"Content-Type": kind, **signed})


def new_bank(web: Web, bank_id: str) -> Bank:
    """A bank with a fresh key; registering it is the operator's."""
    return Bank(bank_id, create_key(), web)


def public_pem(bank: Bank) -> str:
    """The key that its signatures are verified with."""
    return public_key(bank.private_key_pem).decode()


def iban(number: int) -> str:
    """A valid Dutch IBAN (ISO 13616: the whole, letters as 10 to 35, leaves 1 when divided by 97)."""
    account = f"EETO{number:010d}"
    digits = "".join(str(int(character, 36)) for character in f"{account}NL00")
    return f"NL{98 - int(digits) % 97:02d}{account}"


def notification(account: str, message_id: str, *lines: Line, currency: str = CURRENCY) -> bytes:
    """A camt.054 of booked lines."""
    inside = f"<Id>{message_id}</Id>{_account(account, currency)}{_entries(lines, currency)}"
    return _document("camt.054.001.08", "BkToCstmrDbtCdtNtfctn", message_id, f"<Ntfctn>{inside}</Ntfctn>")


def statement(account: str, statement_id: str, *lines: Line, opening: int = 0, number: int = 1) -> bytes:
    """A camt.053 of booked lines that foots."""
    balances = _balance("OPBD", opening) + _balance("CLBD", opening + sum(line.minor for line in lines))
    head = f"<Id>{statement_id}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb>"
    inside = f"{head}{_account(account, CURRENCY)}{balances}{_entries(lines, CURRENCY)}"
    return _document("camt.053.001.08", "BkToCstmrStmt", statement_id, f"<Stmt>{inside}</Stmt>")


def payment_status(message_id: str, payout_id: str, status: str) -> bytes:
    """A pain.002 about one payout."""
    original = f"<OrgnlMsgId>{payout_id}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
    payment = f"<TxInfAndSts><OrgnlEndToEndId>{payout_id}</OrgnlEndToEndId><TxSts>{status}</TxSts></TxInfAndSts>"
    inside = (
        f"<OrgnlGrpInfAndSts>{original}<GrpSts>{status}</GrpSts></OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{payout_id}</OrgnlPmtInfId>{payment}</OrgnlPmtInfAndSts>"
    )
    return _document("pain.002.001.10", "CstmrPmtStsRpt", message_id, inside)


def json_notification(account: str, message_id: str, *lines: Line) -> bytes:
    """The same facts in JSON."""
    entries = [
        {
            "direction": "credit" if line.minor > 0 else "debit",
            "amount_minor": abs(line.minor),
            "currency": CURRENCY,
            "status": "booked",
            "bank_reference": line.bank_reference,
            "booked_on": str(DAY),
            "reference": line.reference,
        }
        for line in lines
    ]
    document = {
        "type": "notification",
        "message_id": message_id,
        "created_at": f"{DAY}T09:00:00Z",
        "account": {"iban": account, "currency": CURRENCY},
        "entries": entries,
    }
    return json.dumps(document).encode()


KINDS = {"xml": (notification, XML), "json": (json_notification, JSON)}
"""How a notification is written, by the form's name, with its content type."""


def _document(kind: str, container: str, message_id: str, inside: str) -> bytes:
    header = f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{DAY}T09:00:00Z</CreDtTm></GrpHdr>"
    body = f"<{container}>{header}{inside}</{container}>"
    return f'<Document xmlns="{NAMESPACE.format(kind)}">{body}</Document>'.encode()


def _account(account: str, currency: str) -> str:
    return f"<Acct><Id><IBAN>{account}</IBAN></Id><Ccy>{currency}</Ccy></Acct>"


def _balance(code: str, minor: int) -> str:
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    return f"<Bal>{kind}{_amount(minor, CURRENCY)}<Dt><Dt>{DAY}</Dt></Dt></Bal>"


def _entries(lines: tuple[Line, ...], currency: str) -> str:
    return "".join(_entry(line, currency) for line in lines)


def _entry(line: Line, currency: str) -> str:
    dates = f"<BookgDt><Dt>{DAY}</Dt></BookgDt><ValDt><Dt>{DAY}</Dt></ValDt>"
    quoted = f"<Strd><CdtrRefInf><Ref>{line.reference}</Ref></CdtrRefInf></Strd>" if line.reference else ""
    written = f"<RmtInf>{f'<Ustrd>{escape(line.note)}</Ustrd>' if line.note else ''}{quoted}</RmtInf>"
    detail = f"<Refs><EndToEndId>{line.end_to_end_id}</EndToEndId></Refs>{_amount(line.minor, currency)}"
    return (
        f"<Ntry>{_amount(line.minor, currency)}<Sts><Cd>BOOK</Cd></Sts>{dates}"
        f"<AcctSvcrRef>{line.bank_reference}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls>{detail}{written}</TxDtls></NtryDtls></Ntry>"
    )


def _amount(minor: int, currency: str) -> str:
    whole, part = divmod(abs(minor), 100)
    direction = "CRDT" if minor >= 0 else "DBIT"
    return f'<Amt Ccy="{currency}">{whole}.{part:02d}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'
