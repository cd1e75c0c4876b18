"""Checks the CloudFormation templates with cfn-lint: the data stack, and the app stack of every stage as deployed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from infra.build import write_template
from infra.paths import STAGES
from infra.templates import DATA_TEMPLATE


def main() -> None:
    """Lint them all; the program's status is cfn-lint's."""
    with tempfile.TemporaryDirectory() as scratch:
        templates = [DATA_TEMPLATE] + [write_template(stage, Path(scratch) / stage) for stage in STAGES]
        linter = Path(sys.executable).with_name("cfn-lint")
        done = subprocess.run([str(linter), *map(str, templates)], check=False)
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
