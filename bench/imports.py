"""Measures what a cold start pays before the first line of a handler runs, and the size of the package.

The package is unpacked as Lambda does it; each handler's module is imported in fresh processes that see nothing else.
Times are CPU milliseconds of the import statement, the least of several processes: a busy machine adds to CPU time by
up to a half, and never takes away. What is held is the number of modules that an import loads, the same on any machine,
and, loosely, its time as a multiple of a reference import of the standard library, measured in turn with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.build import Built, build
from infra.paths import OUT

RUNS = 9
API_LIMIT = 5.0
WORKER_LIMIT = 4.0
API_MODULES = 820
WORKER_MODULES = 620
REFERENCE = "asyncio, email.mime.multipart, http.server, logging.config, sqlite3, ssl, unittest.mock, xml.dom.minidom"
FIGURES = OUT / "bench"

ON_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "quittance-bench"}
"""What Lambda tells a function: by this the API knows that it needs no worker."""

# The process is isolated (-I) and without site-packages (-S): only the package and the standard library are there.
PROBE = """
import sys, time
sys.path.insert(0, sys.argv[1])
cpu, wall = time.process_time(), time.perf_counter()
exec("import " + sys.argv[2])
print(time.process_time() - cpu, time.perf_counter() - wall, len(sys.modules))
"""


def handlers(built: Built) -> dict[str, str]:
    """The module that each function of the template enters, by function."""
    resources = json.loads(built.template_path.read_text())["Resources"]
    functions = {name: r["Properties"] for name, r in resources.items() if r.get("Type") == "AWS::Serverless::Function"}
    return {name: f["Handler"].rpartition(".")[0] for name, f in sorted(functions.items()) if "Handler" in f}


def measure(package: Path, module: str) -> dict[str, float]:
    """Least CPU and wall milliseconds of importing a module, how many reference imports its CPU time is worth, and how
    many modules are loaded then."""
    runs = [(_once(package, module), _once(package, REFERENCE)) for _ in range(RUNS)]
    cpu, wall, modules = (min(column) for column in zip(*(run[0] for run in runs), strict=True))
    reference = min(run[1][0] for run in runs)
    return {
        "cpu_ms": round(cpu * 1000, 1),
        "wall_ms": round(wall * 1000, 1),
        "reference_ms": round(reference * 1000, 1),
        "ratio": round(cpu / reference, 2),
        "modules": int(modules),
    }


def _once(package: Path, modules: str) -> tuple[float, float, float]:
    environment = {"PATH": os.environ.get("PATH", ""), "AWS_DEFAULT_REGION": "eu-central-1", **ON_LAMBDA}
    command = [sys.executable, "-I", "-S", "-c", PROBE, str(package), modules]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{modules} cannot be imported from the package:\n{done.stderr}")
    cpu, wall, loaded = map(float, done.stdout.split())
    return cpu, wall, loaded


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
    slow = [name for name, one in figures.items() if _is_over(one)]
    if slow:
        raise SystemExit(f"Over the limit: {', '.join(slow)}")


def _is_over(figure: dict[str, Any]) -> bool:
    return bool(figure["ratio"] > figure["limit"] or figure["modules"] > figure["limit_modules"])


def _figure(package: Path, name: str, module: str) -> dict[str, Any]:
    limit, most = (API_LIMIT, API_MODULES) if name == "APIHandler" else (WORKER_LIMIT, WORKER_MODULES)
    figure = {"module": module, "limit": limit, "limit_modules": most, **measure(package, module)}
    cpu, ratio, modules = figure["cpu_ms"], figure["ratio"], figure["modules"]
    print(f"  {name:12} {cpu:6.1f} ms CPU ({ratio:.2f} references of {limit}), {modules} modules of {most} ({module})")
    return figure


if __name__ == "__main__":
    main()
