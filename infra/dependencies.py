"""The runtime dependencies as a Lambda function gets them: installed from the lock, pruned, compiled, kept in a cache.

What is pruned is named below with its reason. Our own code and the zip are infra/build.py's business.
"""

from __future__ import annotations

import hashlib
import platform
import py_compile
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.paths import CACHE, ROOT

LOCK = ROOT / "requirements.txt"
LAMBDA_ROOT = "/var/task"
"""Where Lambda unpacks a package: tracebacks name this folder, and equal input gives equal bytecode anywhere."""

# Lambda's own image: x86-64, and a C library as old as the oldest of these.
LAMBDA_PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64")
NEWER_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_34_x86_64")
FIRST_NEWER_MINOR = 12

AWS_SERVICES = frozenset({"dynamodb", "kms", "s3", "secretsmanager", "sqs", "sts"})
"""The services our functions call; botocore carries models of four hundred others."""

UNUSED = {
    "bin": "console scripts",
    "cffi": "cryptography needs its compiled half, _cffi_backend, alone",
    "pycparser": "cffi's parser of C",
    "ecdsa": "python-jose falls back to it only without cryptography",
    "rsa": "python-jose falls back to it only without cryptography",
    "pyasn1": "wanted by rsa",
    "boto3/data": "resource models; we use clients",
    "boto3/examples": "documentation",
    "lxml/includes": "C headers",
    "lxml/isoschematron": "Schematron",
    "lxml/html": "HTML",
    "lxml/objectify.pyx": "source of a compiled module",
}
UNUSED_SUFFIXES = (".pyx", ".pxd", ".pxi", ".h", ".c", ".pyi", ".exe")
UNUSED_FOLDERS = ("tests", "test", "__pycache__")


def installed(*, for_lambda: bool) -> Path:
    """A folder with the pruned, compiled dependencies for AWS Lambda or for this machine; made on first use."""
    digest = hashlib.sha256()
    for part in (LOCK.read_bytes(), Path(__file__).read_bytes(), _target(for_lambda).encode()):
        digest.update(part)
    folder = CACHE / "dependencies" / digest.hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / "made"
            _install(made, for_lambda)
            prune(made)
            compile_tree(made)
            # A rename, so that a build that is cut short leaves no half-filled cache behind. One that ran beside this
            # one may have been first.
            if not folder.exists():
                made.rename(folder)
    return folder


def prune(folder: Path) -> None:
    """Remove what no function uses."""
    for name in UNUSED:
        _remove(folder / name)
    for service in (folder / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in AWS_SERVICES:
            shutil.rmtree(service)
    for path in sorted(folder.rglob("*")):
        if not path.exists():
            continue
        if path.is_dir() and path.name in UNUSED_FOLDERS:
            shutil.rmtree(path)
        elif path.suffix in UNUSED_SUFFIXES or (path.parent.suffix == ".dist-info" and path.name != "METADATA"):
            _remove(path)


def compile_tree(folder: Path) -> None:
    """Put bytecode beside every module, with hashes that are never checked: the package does not change on Lambda."""
    for source in sorted(folder.rglob("*.py")):
        py_compile.compile(
            str(source),
            dfile=f"{LAMBDA_ROOT}/{source.relative_to(folder).as_posix()}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def _target(for_lambda: bool) -> str:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{minor}-lambda" if for_lambda else f"{minor}-{sys.platform}-{platform.machine()}"


def _install(folder: Path, for_lambda: bool) -> None:
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(folder), "-r", str(LOCK)]
    if for_lambda:
        command += _lambda_options()
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SystemExit("Could not install the runtime dependencies; the lines above say why.")


def _lambda_options() -> list[str]:
    major, minor = sys.version_info[:2]
    platforms = LAMBDA_PLATFORMS + (NEWER_PLATFORMS if minor >= FIRST_NEWER_MINOR else ())
    options = ["--python-version", f"{major}.{minor}", "--implementation", "cp"]
    for name in platforms:
        options += ["--platform", name]
    for abi in (f"cp{major}{minor}", "abi3", "none"):
        options += ["--abi", abi]
    return options


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
