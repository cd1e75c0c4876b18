"""mock-bank's control plane and payments door, as far as the sandbox uses them. Amounts are minor units."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from chalicelib.messages import xml
from chalicelib.messages.errors import MessageUnreadable
from infra.bank.http import send

OK, CREATED, ACCEPTED, NOT_FOUND, REFUSED = 200, 201, 202, 404, 422


class BankError(Exception):
    """The bank answered something that a working sandbox never sees."""


@dataclass(frozen=True, slots=True)
class BankMessage:
    """A message in the bank's mailbox. `number` is the mailbox's, `message_id` the MsgId inside the body."""

    number: int
    kind: str
    account: str
    body: bytes
    taken: bool

    @property
    def message_id(self) -> str:
        """GrpHdr/MsgId of the body; the mailbox's number stands in for a missing one."""
        return message_id_of(self.body) or f"mailbox-{self.number}"


def message_id_of(body: bytes) -> str:
    """The MsgId of any ISO 20022 message; empty when there is none to be read."""
    try:
        headers = [xml.text(header, "MsgId") for header, _ in xml.stream(body, frozenset({"GrpHdr"}))]
    except MessageUnreadable:
        return ""
    return headers[0] if headers else ""


class BankClient:
    """One mock-bank at a base URL such as `http://127.0.0.1:8090`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return send("GET", f"{self._url}/_mock/health")[0] == OK
        except OSError:
            return False

    def now(self) -> datetime:
        """Bank time."""
        return datetime.fromisoformat(self._call("GET", "/_mock/state", expect=OK)["clock"]["now"])

    def advance(self, *, days: int) -> datetime:
        """Move bank time by whole calendar days: what falls due is booked, statements are issued. The new bank time."""
        return datetime.fromisoformat(self._call("POST", f"/_mock/advance?days={days}", expect=OK)["to"])

    def has_account(self, account: str) -> bool:
        """Whether the bank holds an account of this id."""
        status, _ = send("GET", f"{self._url}/_mock/accounts/{quote(account, safe='')}")
        return status == OK

    def create_account(self, account: str, *, name: str, iban: str, bic: str, currency: str) -> None:
        """A new empty account. The IBAN's check digits have to agree."""
        fields = {"id": account, "name": name, "iban": iban, "bic": bic, "currency": currency, "balance": 0}
        self._call("POST", "/_mock/accounts", fields, expect=CREATED)

    def change_account(self, account: str, **fields: Any) -> None:
        """Set fields of an account: `behaviour` and its `parameters`, `closed`."""
        self._call("PATCH", f"/_mock/accounts/{quote(account, safe='')}", fields, expect=OK)

    def accounts(self) -> list[dict[str, Any]]:
        """Every account with its balance in minor units."""
        return list(self._call("GET", "/_mock/accounts", expect=OK))

    def balance_minor(self, account: str) -> int:
        """An account's booked balance."""
        return int(self._call("GET", f"/_mock/accounts/{quote(account, safe='')}", expect=OK)["balance"])

    def credit(
        self,
        account: str,
        amount_minor: int,
        *,
        reference: str = "",
        payer: str = "",
        payer_iban: str = "",
        note: str = "",
        end_to_end_id: str = "",
    ) -> dict[str, Any]:
        """Money arrives for an account today, quoting `reference` in the structured field and `note` in prose."""
        debtor = {key: value for key, value in (("name", payer), ("iban", payer_iban)) if value}
        optional = {"reference": reference, "note": note, "end_to_end_id": end_to_end_id, "debtor": debtor}
        fields = {"account": account, "amount": amount_minor} | {k: v for k, v in optional.items() if v}
        return dict(self._call("POST", "/_mock/credits", fields, expect=CREATED))

    def hand_over(self, payment_file: bytes) -> dict[str, Any]:
        """Give the bank a payment file. Its answer: `status` ACCP, PART or RJCT with `reason`, and each payment."""
        answer = send("POST", f"{self._url}/payments", payment_file, {"Content-Type": "application/xml"})
        return dict(self._parsed("POST /payments", answer, (ACCEPTED, REFUSED)))

    def findings(self, payment_file: bytes) -> list[dict[str, Any]]:
        """What the bank would object to in a payment file; nothing is stored."""
        headers = {"Content-Type": "application/xml", "Accept": "application/json"}
        answer = send("POST", f"{self._url}/_mock/validate", payment_file, headers)
        return list(self._parsed("POST /_mock/validate", answer, (OK, REFUSED))["findings"])

    def has_file(self, message_id: str) -> bool:
        """Whether the bank has taken in payments of a file of this MsgId."""
        return any(payment["msg_id"] == message_id for payment in self._call("GET", "/_mock/payments", expect=OK))

    def mailbox(self) -> tuple[BankMessage, ...]:
        """What waits to be collected, oldest first. Looking takes nothing."""
        return tuple(_message(row, taken=False) for row in self._call("GET", "/_mock/mailbox?leave", expect=OK))

    def sent(self) -> tuple[BankMessage, ...]:
        """Everything the bank has sent, collected or not, oldest first."""
        rows = self._call("GET", "/_mock/messages", expect=OK)
        return tuple(_message(row, taken=row["takenAt"] is not None) for row in rows)

    def collect(self, messages: Collection[BankMessage]) -> None:
        """Take exactly these. The bank hands out whole types at once, so what else came along is put back."""
        wanted = {message.number for message in messages}
        for kind in sorted({message.kind for message in messages}):
            taken = self._call("GET", f"/_mock/mailbox?type={quote(kind, safe='')}", expect=OK)
            for row in taken:
                if row["id"] not in wanted:
                    self.put_back(row["id"])

    def put_back(self, number: int) -> None:
        """Make a collected message wait again."""
        self._call("POST", f"/_mock/mailbox/{number}/unread", expect=OK)

    def statements(self, account: str) -> list[dict[str, Any]]:
        """The statements issued for an account, oldest first: number, day, opening, closing, entries."""
        return list(self._call("GET", f"/_mock/accounts/{quote(account, safe='')}/statements", expect=OK))

    def set_holidays(self, days: Collection[date]) -> None:
        """The days, beside weekends, on which the bank books nothing."""
        body = json.dumps(sorted(each.isoformat() for each in days)).encode()
        answer = send("PUT", f"{self._url}/_mock/holidays", body, {"Content-Type": "application/json"})
        self._parsed("PUT /_mock/holidays", answer, (OK,))

    def _call(self, method: str, path: str, fields: dict[str, Any] | None = None, *, expect: int) -> Any:
        body = json.dumps(fields).encode() if fields is not None else None
        answer = send(method, f"{self._url}{path}", body, {"Content-Type": "application/json"})
        return self._parsed(f"{method} {path}", answer, (expect,))

    @staticmethod
    def _parsed(what: str, answer: tuple[int, bytes], expected: tuple[int, ...]) -> Any:
        status, body = answer
        if status not in expected:
            raise BankError(f"{what} answered {status}: {body[:300].decode(errors='replace')}")
        return json.loads(body)


def _message(row: dict[str, Any], *, taken: bool) -> BankMessage:
    return BankMessage(row["id"], row["type"], row["account"] or "", row["body"].encode(), taken)
