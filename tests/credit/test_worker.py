"""The schedule as Lambda enters it: in an interpreter that has loaded nothing else, by the sandbox clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.credit import service
from chalicelib.credit.postings import line_accounts
from chalicelib.storage.commit import write_item
from chalicelib.storage.tables import RecordItem, record_key
from tests.credit.lines import line_of
from tests.credit.stored import draw_stored, open_accounts, open_books, open_stored
from tests.support.calls import MONDAY, TENANT
from tests.support.dynamodb_local import Tables

ROOT = Path(__file__).resolve().parents[2]
EVENT = {
    "version": "0",
    "id": "tick",
    "account": "000000000000",
    "time": "2026-03-02T09:00:00Z",
    "region": "eu-central-1",
    "resources": [],
    "source": "aws.events",
    "detail-type": "Scheduled Event",
    "detail": {},
}
ENTER = """
import json, sys
from chalicelib.credit.worker import accrue
print(json.dumps(accrue(json.load(sys.stdin), None)))
"""


def set_clock(days: int) -> None:
    """Move the sandbox clock to `days` after Monday morning."""
    offset = int((MONDAY + timedelta(days=days) - datetime.now(UTC)).total_seconds())
    key = record_key("sandbox", "clock")
    write_item(RecordItem, RecordItem(pk=key.pk, sk=key.sort, version=1, doc=str(offset)).serialize())


def entered() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ENTER],
        cwd=ROOT,
        env=os.environ | {"QUITTANCE_STAGE": "local"},
        input=json.dumps(EVENT),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_tick_accrues_every_missed_day_and_tells_how_many(tables: Tables) -> None:
    open_books()
    line = open_stored()
    draw_stored(line, 82_500_000)
    set_clock(3)

    first, second = entered(), entered()

    assert json.loads(first.stdout) == {"lines": 1, "days": 3}, first.stderr
    assert json.loads(second.stdout) == {"lines": 1, "days": 0}
    assert service.get_line(TENANT, line.line_id).booked_interest.minor == 41_250


def test_a_tick_with_a_failing_line_accrues_the_others_names_it_and_fails(tables: Tables) -> None:
    open_books()
    broken = open_stored(line_of(line_id="crl_a"), without_accounts=True)
    open_accounts(TENANT, line_accounts(broken)[0])
    draw_stored(broken, 82_500_000)
    sound = open_stored(line_of(line_id="crl_b"))
    draw_stored(sound, 82_500_000)
    set_clock(1)

    tick = entered()

    assert tick.returncode != 0
    assert '"alarm": "line_not_accrued", "tenant": "ten_test", "line_id": "crl_a"' in tick.stderr
    assert '"code": "account_not_found"' in tick.stderr
    assert service.get_line(TENANT, sound.line_id).booked_interest.minor == 13_750
