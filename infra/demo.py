"""`make demo`: a fresh local stack, one steel trade through all of it, the exports, the figures; then all is stopped.

The demo has a place of its own, so it neither disturbs nor depends on what `make up` holds.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from infra import progress
from infra.api import ApiClient
from infra.bank.client import BankClient
from infra.bank.http import send
from infra.emulator import Emulator
from infra.paths import LOCAL, OUT, ROOT
from infra.place import Place
from infra.stack import down, reset, up
from infra.story import Stage, Told, expect, tell

PLACE = Place(LOCAL / "demo", OUT / "demo" / "stack.json")
FOLDER = OUT / "demo"
EXPORTS = {
    "reconciliation": "reconciliation.csv",
    "statement_lines": "statement-lines.csv",
    "postings": "postings.csv",
    "trial_balance": "trial-balance.csv",
    "journal": "journal.beancount",
}
"""Each kind of export, and what its file is called here."""
FIRST_DAY = "2026-01-01"
BEAN_CHECK = ROOT / ".venv" / "bin" / "bean-check"


def main() -> None:
    """Set up, tell the story, export, prove, say the figures."""
    started = time.monotonic()
    reset(PLACE)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        stage = stage_of(up(PLACE), PLACE)
        progress.say("")
        told = tell(stage)
        export(stage, told, FOLDER)
        summary = summarize(stage, told, seconds=time.monotonic() - started)
    finally:
        down(PLACE)
    PLACE.forget()
    (FOLDER / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    progress.say("")
    for name, value in summary.items():
        progress.say(f"  {name:20} {value}")
    progress.say(f"\nThe exports are in {FOLDER.relative_to(ROOT)}/; bean-check accepts the journal with tolerance 0.")


def stage_of(stack: dict[str, Any], place: Place) -> Stage:
    """The steel marketplace of a running stack, as the story needs it."""
    steel = stack["tenants"][0]
    emulator = Emulator(place.ports().gateway, place.folder / "aws")
    return Stage(
        api=ApiClient(stack["api_url"], steel["client_id"], steel["client_secret"]),
        bank=BankClient(stack["bank"]["control_url"]),
        bank_account=steel["bank_account"],
        statements=Path(stack["bank"]["statements"]),
        dynamodb=emulator.client("dynamodb"),
        functions=emulator.client("lambda"),
        say=lambda line: progress.say(f"  - {line}"),
    )


def export(stage: Stage, told: Told, folder: Path) -> None:
    """Ask for the exports, fetch each, and have the journal accepted by an independent accounting program."""
    for kind, name in EXPORTS.items():
        (folder / name).write_bytes(fetch_export(stage, kind, told.today.isoformat()))
    checked = subprocess.run([BEAN_CHECK, folder / "journal.beancount"], capture_output=True, text=True, check=False)
    if checked.returncode:
        progress.fail(f"bean-check refuses the journal:\n{checked.stderr or checked.stdout}")


def fetch_export(stage: Stage, kind: str, last_day: str) -> bytes:
    """A file of a kind up to a day: asked for, waited for, downloaded, and compared with its digest."""
    asked = stage.api.post("/v1/exports", {"kind": kind, "from": FIRST_DAY, "to": last_day})
    path = f"/v1/exports/{asked['export_id']}"

    def made() -> dict[str, Any] | None:
        export = dict(stage.api.get(path))
        return export if export["state"] in ("done", "failed") else None

    export = stage.wait(f"the {kind} export", made)
    expect(f"the {kind} export", export["state"], "done")
    _, content = send("GET", export["download_url"])
    expect(f"the digest of the {kind} export", sha256(content).hexdigest(), export["sha256"])
    return content


def summarize(stage: Stage, told: Told, *, seconds: float) -> dict[str, Any]:
    """The figures at the end, as the API tells them."""
    trial = stage.api.get("/v1/trial-balance")
    [bank] = stage.api.get("/v1/accounts?purpose=bank")["accounts"]
    expect("trial balance", (trial["proved"], set(trial["differences"].values())), (True, {0}))
    breaks = [one for one in stage.api.get("/v1/breaks")["breaks"] if one["status"] == "open"]
    return {
        "trade_state": told.facts["trade_state"],
        "trial_balance": trial["differences"],
        "bank_balance": bank["balance_minor"],
        "entries": count_entries(FOLDER / "journal.beancount"),
        "statement_lines": told.facts["statement_lines"],
        "matched_lines": told.facts["matched_lines"],
        "open_breaks": len(breaks),
        "credit_outstanding": told.facts["credit_outstanding"],
        "seconds": round(seconds, 1),
    }


def count_entries(journal: Path) -> int:
    """How many entries the exported journal holds: its transaction lines."""
    return sum(1 for line in journal.read_text().splitlines() if line[10:13] == " * ")


if __name__ == "__main__":
    main()
