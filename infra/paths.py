"""Where things lie in the working tree, and the few names that every module of this package shares."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache"
BUILD = ROOT / "build"
LOCAL = ROOT / ".local"
OUT = ROOT / "out"
STACK_PYTHON = ROOT / ".venv-stack" / "bin" / "python"

STAGES = ("local", "dev", "prod")
REGION = "eu-central-1"
"""The region of the local stack. On AWS the deployer's own setting decides."""
