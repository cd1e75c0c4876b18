"""Payment files of the sandbox's steel marketplace."""

from __future__ import annotations

from datetime import UTC, date, datetime

from chalicelib.core.money import Money
from chalicelib.messages import pain001
from chalicelib.messages.pain001 import Payee, PaymentFile, Payout
from infra.bank.accounts import STEEL

MILL = Payee("钢厂 Mill", account="6222020200112233445")


def payment_file(payment: str, *, minor: int = 4_250_000, payee: Payee = MILL, payer_iban: str = STEEL.iban) -> bytes:
    """A file of one payout, paid today."""
    file = PaymentFile(
        message_id=payment,
        created_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
        execute_on=date(2026, 3, 2),
        payer=Payee(STEEL.name, iban=payer_iban, bic=STEEL.bic),
        payouts=(Payout(payment, Money(minor, "CNY"), payee, "trade trd_1"),),
    )
    return pain001.write(file)
