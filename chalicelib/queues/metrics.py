"""Figures of our own that alarms watch, written as a line of the function's log in CloudWatch's embedded metric format.

The line must stand alone, without what a logger puts before it, so it is printed. Source: CloudWatch's documentation,
"Specification: Embedded metric format".
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

NAMESPACE = "Quittance"
STAGE = "QUITTANCE_STAGE"


def emit(name: str, value: int, unit: str = "Count") -> None:
    """Write a figure, by the wall clock: alarms are about now, whatever the business's clock shows."""
    metric = {"Namespace": NAMESPACE, "Dimensions": [["Stage"]], "Metrics": [{"Name": name, "Unit": unit}]}
    at = int(datetime.now(UTC).timestamp() * 1000)
    line = {
        "_aws": {"Timestamp": at, "CloudWatchMetrics": [metric]},
        "Stage": os.environ.get(STAGE, "local"),
        name: value,
    }
    print(json.dumps(line), flush=True)
