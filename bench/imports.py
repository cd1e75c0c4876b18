"""Measures what a cold start pays before the first line of a handler runs, and the size of the package.

The package is unpacked as Lambda does it; each handler's module is imported in fresh processes that see nothing else.
Times are CPU milliseconds of the import statement, the median of several processes. Limits are stated, and held; what
is over its limit is measured again, because a busy machine adds to CPU time by up to a half, and never takes away.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Any

from infra.build import Built, build
from infra.paths import OUT

RUNS = 7
ROUNDS = 3
API_LIMIT_MS = 250
WORKER_LIMIT_MS = 200
FIGURES = OUT / "bench"

ON_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "quittance-bench"}
"""What Lambda tells a function: by this the API knows that it needs no worker."""

# The process is isolated (-I) and without site-packages (-S): only the package and the standard library are there.
PROBE = """
import sys, time
sys.path.insert(0, sys.argv[1])
cpu, wall = time.process_time(), time.perf_counter()
__import__(sys.argv[2])
print(time.process_time() - cpu, time.perf_counter() - wall)
"""


def handlers(built: Built) -> dict[str, str]:
    """The module that each function of the template enters, by function."""
    resources = json.loads(built.template_path.read_text())["Resources"]
    functions = {name: r["Properties"] for name, r in resources.items() if r.get("Type") == "AWS::Serverless::Function"}
    return {name: f["Handler"].rpartition(".")[0] for name, f in sorted(functions.items()) if "Handler" in f}


def measure(package: Path, module: str) -> dict[str, float]:
    """Median CPU and wall milliseconds of importing a module from the unpacked package."""
    times = [_once(package, module) for _ in range(RUNS)]
    cpu, wall = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    return {"cpu_ms": round(cpu, 1), "wall_ms": round(wall, 1)}


def _once(package: Path, module: str) -> tuple[float, float]:
    environment = {"PATH": os.environ.get("PATH", ""), "AWS_DEFAULT_REGION": "eu-central-1", **ON_LAMBDA}
    command = [sys.executable, "-I", "-S", "-c", PROBE, str(package), module]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module} cannot be imported from the package:\n{done.stderr}")
    cpu, wall = done.stdout.split()
    return float(cpu), float(wall)


def main() -> None:
    """Measure, write out/bench/imports.json and package.json, and fail where a limit is passed."""
    built = build("local")
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(built.package_path) as archive:
            archive.extractall(folder)
        figures = {name: _figure(Path(folder), name, module) for name, module in handlers(built).items()}
    print(f"  package      {built.zip_bytes / 1e6:6.1f} MB, unpacked {built.unpacked_bytes / 1e6:.1f} MB")
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / "imports.json").write_text(json.dumps(figures, indent=2) + "\n")
    (FIGURES / "package.json").write_text(json.dumps(asdict(built), indent=2) + "\n")
    slow = [name for name, figure in figures.items() if figure["cpu_ms"] > figure["limit_ms"]]
    if slow:
        raise SystemExit(f"Over the limit: {', '.join(slow)}")


def _figure(package: Path, name: str, module: str) -> dict[str, Any]:
    limit = API_LIMIT_MS if name == "APIHandler" else WORKER_LIMIT_MS
    measured = measure(package, module)
    for _ in range(ROUNDS - 1):
        if measured["cpu_ms"] <= limit:
            break
        measured = min(measured, measure(package, module), key=itemgetter("cpu_ms"))
    figure = {"module": module, "limit_ms": limit, **measured}
    print(f"  {name:12} {figure['cpu_ms']:6.1f} ms CPU, limit {figure['limit_ms']} ({module})")
    return figure


if __name__ == "__main__":
    main()
