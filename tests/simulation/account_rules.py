"""What the model knows of accounts: opening, freezing, closing, labelling, closing for a period."""

from __future__ import annotations

from typing import Any

from tests.simulation.books import CURRENCIES, LIMIT, MINUTE, Account, Body, Books, Plan, Refused


class AccountRules(Books):
    """An account's life."""

    def _shape_open(self, body: Body, now: int) -> None:
        if body["currency"] not in CURRENCIES:
            raise Refused("unknown_currency")
        floor, ceiling = body["floor"] or 0, body["ceiling"] or 0
        if not -LIMIT <= floor <= 0 <= ceiling <= LIMIT:
            raise Refused("invalid_limits")
        if body["deferred"] and (body["floor"], body["ceiling"]) != (None, None):
            raise Refused("deferred_with_limits")

    def _shape_period(self, body: Body, now: int) -> None:
        if body["until"] > now:
            raise Refused("period_in_future")

    def _open(self, body: Body, now: int) -> Plan:
        def opened(told: dict[str, Any]) -> None:
            terms = (body[name] for name in ("kind", "currency", "floor", "ceiling", "deferred"))
            self.accounts[told["account_id"]] = Account(*terms)

        return Plan(then=[opened])

    def _freeze(self, body: Body, now: int) -> Plan:
        return self._status(body, given="open", wanted="frozen", now=now)

    def _unfreeze(self, body: Body, now: int) -> Plan:
        return self._status(body, given="frozen", wanted="open", now=now)

    def _status(self, body: Body, *, given: str, wanted: str, now: int) -> Plan:
        account = self._account(body["account"])
        if account.status == wanted:
            raise Refused(f"already_{wanted}", body["account"])
        if account.status != given:
            raise Refused("account_closed", body["account"])
        return Plan(then=[lambda told: self._turn(account, told["at"], status=wanted, now=now)])

    def _close(self, body: Body, now: int) -> Plan:
        account = self._account(body["account"])
        if account.ours:
            raise Refused("account_controlled", body["account"])
        if account.status == "closed":
            raise Refused("already_closed", body["account"])
        if account.deferred and account.status != "frozen":
            raise Refused("account_not_frozen", body["account"])
        if account.deferred and now < account.frozen_at + 15 * MINUTE:
            raise Refused("entries_pending", body["account"])
        if account.balance:
            raise Refused("balance_not_zero", body["account"])
        if account.held:
            raise Refused("held_not_zero", body["account"])
        return Plan(then=[lambda told: self._turn(account, told["at"], status="closed")])

    def _period(self, body: Body, now: int) -> Plan:
        account = self._account(body["account"])
        if account.closed_until > body["until"]:
            raise Refused("period_reopened", body["account"])
        return Plan(then=[lambda told: self._turn(account, told["at"], closed_until=body["until"])])

    def _turn(
        self,
        account: Account,
        at: int,
        *,
        status: str | None = None,
        closed_until: int | None = None,
        now: int = 0,
    ) -> None:
        account.frozen_at = now if status == "frozen" else account.frozen_at
        account.earlier.append((at, account.status, account.closed_until))
        account.status = status or account.status
        account.closed_until = account.closed_until if closed_until is None else closed_until

    def _labels(self, body: Body, now: int) -> Plan:
        account = self._account(body["account"])
        return Plan(then=[lambda told: account.labels.update(body["labels"])])
