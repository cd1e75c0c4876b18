"""bean-check, run as a program: an independent opinion on an exported journal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("bean-check")
CACHE_OFF = {"BEANCOUNT_DISABLE_LOAD_CACHE": "1"}


def problems(text: str, folder: Path) -> list[str]:
    """What bean-check says against a journal; nothing when it accepts it."""
    path = folder / "journal.beancount"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [str(PROGRAM), str(path)], capture_output=True, text=True, check=False, env=os.environ | CACHE_OFF, timeout=60
    )
    said = [each for each in (done.stdout + done.stderr).splitlines() if each.strip()]
    if done.returncode and not said:
        raise AssertionError(f"bean-check ended with {done.returncode} and said nothing")
    return said
