"""Builds the Lambda package and the app template of a stage into build/<stage>/.

    python -m infra.build local

Chalice writes the template and gathers our code; the dependencies come pruned and compiled from infra/dependencies.py.
The zip is deterministic: the same input gives the same bytes, so that nothing is deployed that did not change.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.dependencies import compile_tree, installed
from infra.paths import BUILD, REGION, ROOT, STAGES
from infra.templates import load_template

SANDBOX = "chalicelib/sandbox.py"
"""Moves the business clock. It exists in the local stage's package and in no other."""

CODE = ("app.py", "chalicelib")
CONFIGURATION = (".chalice/config.json", "policies")
MERGED = "infra/app.merge.yaml"
BUILDERS = ("infra/build.py", "infra/dependencies.py", "requirements.txt", MERGED)
MOST_ZIP_BYTES = 20 * 1024 * 1024
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Built:
    """What a build left: paths below the repository, sizes in bytes, digests in hex."""

    stage: str
    inputs: str
    package: str
    package_sha256: str
    zip_bytes: int
    unpacked_bytes: int
    template: str

    @property
    def package_path(self) -> Path:
        """The zip."""
        return ROOT / self.package

    @property
    def template_path(self) -> Path:
        """The SAM template that deploys it."""
        return ROOT / self.template


class PackageRefused(Exception):
    """A package that must not leave the house; the message says why."""


def build(stage: str) -> Built:
    """Build the package of a stage, or hand back the one that equal input made before. Raises PackageRefused.

    Whoever asks meanwhile waits, and is then handed the same one.
    """
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{stage}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(stage)


def _build(stage: str) -> Built:
    folder = BUILD / stage
    inputs = _digest_of_inputs(stage)
    record = folder / "build.json"
    if record.exists():
        before = Built(**json.loads(record.read_text()))
        if before.inputs == inputs and before.package_path.exists() and before.template_path.exists():
            return before
    shutil.rmtree(folder, ignore_errors=True)
    write_template(stage, folder)
    tree = _tree(stage, folder)
    package = folder / "package.zip"
    write_zip(tree, package)
    built = _describe(stage, inputs, tree, package)
    refuse_unfit(built)
    record.write_text(json.dumps(asdict(built), indent=2) + "\n")
    return built


def gather(stage: str, project: Path) -> None:
    """Lay out the Chalice project of a stage: our code, its configuration, and no dependencies."""
    for path in source_files(stage):
        target = project / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    # Chalice would install these itself, without pruning or bytecode.
    (project / "requirements.txt").write_text("")


def source_files(stage: str) -> list[Path]:
    """The files of the project that belong to a stage, sorted."""
    files = [path for name in CODE + CONFIGURATION for path in _below(ROOT / name)]
    return [path for path in files if stage == "local" or path != ROOT / SANDBOX]


def write_template(stage: str, folder: Path) -> Path:
    """Have Chalice package our code and write the template, and finish that; it is `folder`/template.json."""
    gather(stage, folder / "project")
    _run_chalice(stage, folder / "project", folder / "chalice")
    template = json.loads((folder / "chalice" / "sam.json").read_text())
    refuse_unknown(template)
    if stage == "local":
        _repeat_binary_types(template)
        _repeat_gateway_responses(template)
    target = folder / "template.json"
    target.write_text(json.dumps(template, indent=1, sort_keys=True) + "\n")
    return target


def write_zip(tree: Path, package: Path) -> None:
    """Zip a folder in the order of its names, with fixed times and modes."""
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _below(tree, bytecode=True):
            member = zipfile.ZipInfo(path.relative_to(tree).as_posix(), EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, path.read_bytes())


def refuse_unfit(built: Built) -> None:
    """Raise PackageRefused for a package that is too large, or that moves the clock outside the local stage."""
    with zipfile.ZipFile(built.package_path) as archive:
        clock = [name for name in archive.namelist() if name.startswith("chalicelib/") and "sandbox" in name]
    if clock and built.stage != "local":
        raise PackageRefused(f"{clock[0]} belongs to the local stage only, not to {built.stage}")
    if built.zip_bytes > MOST_ZIP_BYTES:
        raise PackageRefused(f"the package has {built.zip_bytes} bytes, more than {MOST_ZIP_BYTES}")


def refuse_unknown(template: dict[str, Any]) -> None:
    """Raise PackageRefused where something is merged over a function that the app does not declare."""
    unknown = sorted(name for name, resource in template["Resources"].items() if "Type" not in resource)
    if unknown:
        raise PackageRefused(f"{MERGED} speaks of {', '.join(unknown)}, which app.py does not declare")


def _tree(stage: str, folder: Path) -> Path:
    ours = folder / "ours"
    with zipfile.ZipFile(folder / "chalice" / "deployment.zip") as archive:
        archive.extractall(ours)
    compile_tree(ours)
    tree = folder / "package"
    shutil.copytree(installed(for_lambda=stage != "local"), tree)
    shutil.copytree(ours, tree, dirs_exist_ok=True)
    return tree


def _repeat_binary_types(template: dict[str, Any]) -> None:
    # AWS reads them from the API's own document, where Chalice puts them; the emulator from this property only.
    api = template["Resources"]["RestAPI"]["Properties"]
    api["BinaryMediaTypes"] = api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"]


def _repeat_gateway_responses(template: dict[str, Any]) -> None:
    # Likewise: the emulator does not read them in the API's document, and takes them as resources.
    for kind, answer in template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"].items():
        headers = answer["ResponseParameters"]["Headers"]
        properties = {
            "RestApiId": {"Ref": "RestAPI"},
            "ResponseType": kind,
            "ResponseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            "ResponseTemplates": answer["ResponseTemplates"],
        }
        if "StatusCode" in answer:
            properties["StatusCode"] = answer["StatusCode"]
        name = f"GatewayResponse{kind.title().replace('_', '')}"
        template["Resources"][name] = {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": properties}


def _run_chalice(stage: str, project: Path, output: Path) -> None:
    command = [str(Path(sys.executable).with_name("chalice")), "package", "--stage", stage, "--template-format", "json"]
    # Given YAML to merge, Chalice would answer in YAML.
    merged = project / "merge.json"
    merged.write_text(json.dumps(load_template(ROOT / MERGED)))
    command += ["--merge-template", str(merged), str(output)]
    # The region only has to be there: the template names none.
    environment = {"AWS_DEFAULT_REGION": REGION, **os.environ}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"chalice package failed:\n{done.stdout}{done.stderr}")


def _describe(stage: str, inputs: str, tree: Path, package: Path) -> Built:
    data = package.read_bytes()
    return Built(
        stage=stage,
        inputs=inputs,
        package=package.relative_to(ROOT).as_posix(),
        package_sha256=hashlib.sha256(data).hexdigest(),
        zip_bytes=len(data),
        unpacked_bytes=sum(path.stat().st_size for path in _below(tree, bytecode=True)),
        template=(package.parent / "template.json").relative_to(ROOT).as_posix(),
    )


def _digest_of_inputs(stage: str) -> str:
    digest = hashlib.sha256(f"{stage} {sys.version}".encode())
    for path in source_files(stage) + [ROOT / name for name in BUILDERS]:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _below(path: Path, *, bytecode: bool = False) -> Iterator[Path]:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return (file for file in files if bytecode or file.suffix != ".pyc")


def main() -> None:
    """Build the stage named on the command line."""
    stage = sys.argv[1] if len(sys.argv) > 1 else "local"
    if stage not in STAGES:
        raise SystemExit(f"There is no stage {stage}; there are {', '.join(STAGES)}.")
    built = build(stage)
    print(f"{built.package}: {built.zip_bytes / 1e6:.1f} MB, unpacked {built.unpacked_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
