"""Figures of our own that alarms watch, each a line of the function's log in CloudWatch's embedded metric format.

Such a line stands alone, without what other loggers put before it. Source: CloudWatch's documentation, "Specification:
Embedded metric format".
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import datetime

NAMESPACE = "Quittance"
MILLISECONDS = 1000

log = logging.getLogger("quittance.metrics")
log.setLevel(logging.INFO)
log.propagate = False


class _Stdout(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what standard output is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


log.addHandler(_Stdout())


def emit(name: str, value: int, *, at: datetime, unit: str = "Count") -> None:
    """Write a figure of an instant of the wall clock: alarms are about now, whatever the business's clock shows."""
    metric = {"Namespace": NAMESPACE, "Dimensions": [["Stage"]], "Metrics": [{"Name": name, "Unit": unit}]}
    about = {"Timestamp": int(at.timestamp()) * MILLISECONDS, "CloudWatchMetrics": [metric]}
    log.info(json.dumps({"_aws": about, "Stage": os.environ.get("QUITTANCE_STAGE", "local"), name: value}))
