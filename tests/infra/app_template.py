"""The app template as a deployment gets it, read once a session, and the parts of it that several tests look at."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from infra.build import write_template
from infra.paths import ROOT
from infra.templates import DATA_TEMPLATE, load_template

FUNCTIONS = {
    "api_handler",
    "callbacks",
    "payouts",
    "exports",
    "statements",
    "relay",
    "project",
    "sequence",
    "accrue",
    "sweep",
    "follow",
    "due",
    "calendars",
    "unpaid",
    "checkpoint",
    "prove",
    "operate",
}


@cache
def app_resources(stage: str) -> dict[str, Any]:
    """The resources of a stage's app stack by logical name."""
    with tempfile.TemporaryDirectory() as folder:
        return dict(json.loads(write_template(stage, Path(folder)).read_text())["Resources"])


def functions(stage: str) -> dict[str, dict[str, Any]]:
    """The properties of its functions by logical name."""
    resources = app_resources(stage)
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::Serverless::Function"}


def event_source(stage: str, function: str) -> dict[str, Any]:
    """The properties of a function's one event source."""
    (event,) = functions(stage)[function]["Events"].values()
    return dict(event["Properties"])


def data_resources() -> dict[str, Any]:
    """The resources of the data stack by logical name."""
    return dict(load_template(DATA_TEMPLATE)["Resources"])


def configuration() -> dict[str, Any]:
    """.chalice/config.json."""
    return dict(json.loads((ROOT / ".chalice" / "config.json").read_text()))


def policy(name: str) -> list[dict[str, Any]]:
    """The statements of policies/<name>.json."""
    return list(json.loads((ROOT / "policies" / f"{name}.json").read_text())["Statement"])
