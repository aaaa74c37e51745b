"""`python -m tests.evidence.record`: runs the checkers that cannot share our environment, and records what they looked at.

checkov and moto's CloudFormation pin packages that ours must not have, so each gets an environment of its own, through uv.
cdk-nag is only read: its rules name the resources that they apply to. The result is recorded.yaml, with every tool's version.
Exit code 1 if checkov has a finding that accepted.yaml does not answer.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from aws_cdk import App, CfnResource, Stack

from tests.conftest import ROOT
from tests.evidence.checks import ACCEPTED, RECORDED
from tests.stacks.synthesis import Synthesis
from tests.stacks.templates import Assembly

CHECKOV, MOTO = "3.3.30", "5.2.5"
ASSEMBLIES = ("sandbox", "production", "corners")
PACKS = {"AwsSolutions": "aws-solutions", "NIST 800-53 R5": "nist-800-53-r5"}
_MOTO_TYPES = "import json; from moto.cloudformation import parsing; print(json.dumps(sorted(parsing.get_model_map())))"


def main() -> int:
    """Record, and list findings without an answer."""
    with tempfile.TemporaryDirectory() as folder:
        synthesis = Synthesis(ROOT, Path(folder) / "assemblies")
        assemblies = [synthesis.assembly(name) for name in ASSEMBLIES]
        types = sorted({resource.type for assembly in assemblies for resource in assembly.resources()})
        recorded = {
            "aws-cdk-lib": _cdk_rules(types, Path(folder) / "probe"),
            "cdk-nag": _nag(types),
            "moto": _moto(types),
            "checkov": _scan(assemblies, Path(folder)),
        }
    RECORDED.write_text(_HEADER + yaml.safe_dump(recorded, sort_keys=False, width=120), encoding="utf-8")
    answered = set(yaml.safe_load(ACCEPTED.read_text(encoding="utf-8")))
    unanswered = [finding for finding in recorded["checkov"]["findings"] if finding.split(" ")[0] not in answered]
    for finding in unanswered:
        print(f"{ACCEPTED.name}: no answer to {finding}; fix it, or add the reason it is right", file=sys.stderr)
    return 1 if unanswered else 0


_HEADER = "# Written by `make evidence`: which of our resource types each checker looked at.\n"


def _own(package: str, *command: str) -> str:
    """The output of a command in an environment that holds one package and what it needs."""
    uv = str(Path(sys.executable).with_name("uv"))
    done = subprocess.run(
        [uv, "tool", "run", "--quiet", "--python", sys.executable, "--from", package, *command],
        check=False,
        capture_output=True,
        text=True,
    )
    if not done.stdout.strip():
        sys.exit(f"error: {package} could not be run: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
    return done.stdout


def _cdk_rules(types: list[str], out: Path) -> dict[str, Any]:
    """The types on which CDK's own rules report a property that does not exist."""
    print("aws-cdk-lib: probing its rules", flush=True)
    app = App(outdir=str(out), analytics_reporting=False)
    stack = Stack(app, "Probe")
    for number, name in enumerate(types):
        CfnResource(stack, f"R{number}", type=name, properties={"NoSuchProperty": True})
    with suppress(RuntimeError), redirect_stderr(StringIO()):  # it reports what it is meant to
        app.synth()
    report = json.loads((out / "validation-report.json").read_text(encoding="utf-8"))
    found = {
        construct["constructPath"].removeprefix("Probe/R")
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        if "NoSuchProperty" in violation["description"]
        for construct in violation["violatingConstructs"]
    }
    known = [name for number, name in enumerate(types) if str(number) in found]
    return {"version": importlib.metadata.version("aws-cdk-lib"), "types": known}


def _nag(types: list[str]) -> dict[str, Any]:
    """The types that the rules of each pack test for, from the JavaScript in the package."""
    print("cdk-nag: reading its rules", flush=True)
    [archive] = Path(str(importlib.metadata.distribution("cdk-nag").locate_file("cdk_nag/_jsii"))).glob("*.tgz")
    with tarfile.open(archive) as package:
        sources = {
            member.name.removeprefix("package/lib/"): package.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in package.getmembers()
            if member.name.endswith(".js") and member.name.startswith("package/lib/")
        }
    packs = {pack: sorted(_types_of_pack(sources, name) & set(types)) for pack, name in PACKS.items()}
    return {"version": importlib.metadata.version("cdk-nag"), "types": packs}


def _moto(types: list[str]) -> dict[str, Any]:
    print("moto: asking which types it knows", flush=True)
    known = json.loads(_own(f"moto[cloudformation]=={MOTO}", "python", "-c", _MOTO_TYPES))
    return {"version": MOTO, "types": sorted(set(known) & set(types))}


def _types_of_pack(sources: dict[str, str], pack: str) -> set[str]:
    rules = set(re.findall(r"rule: (\w+)_1\.(\w+)", sources[f"packs/{pack}.js"]))
    classes = {
        found
        for service, rule in rules
        for found in re.findall(r"instanceof (aws_\w+?)_1\.(Cfn\w+)", sources[f"rules/{service}/{rule}.js"])
    }
    return {
        getattr(importlib.import_module(f"aws_cdk.{module}"), name).CFN_RESOURCE_TYPE_NAME for module, name in classes
    }


def _scan(assemblies: list[Assembly], scratch: Path) -> dict[str, Any]:
    """What checkov looked at: resource types, kinds of objects, and the checks that failed."""
    print("checkov: scanning templates and objects", flush=True)
    objects = scratch / "objects"
    objects.mkdir()
    for number, assembly in enumerate(assemblies):
        documents = [item for stack in assembly.templates for item in assembly.objects(stack)]
        (objects / f"{number}.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    templates = [_checkov(assembly.directory, "cloudformation") for assembly in assemblies]
    manifests = [_checkov(objects, "kubernetes")]
    found = [record for report in (*templates, *manifests) for record in report["failed_checks"]]
    return {
        "version": CHECKOV,
        "types": sorted({name for report in templates for name in _resources(report)}),
        "kinds": sorted({name for report in manifests for name in _resources(report)}),
        "findings": sorted({f"{record['check_id']} {record['check_name']}" for record in found}),
    }


def _checkov(folder: Path, framework: str) -> dict[str, list[dict[str, str]]]:
    command = ("checkov", "-d", str(folder), "--framework", framework, "--skip-download", "-o", "json")
    report = json.loads(_own(f"checkov=={CHECKOV}", *command))
    results: dict[str, list[dict[str, str]]] = report["results"]
    return results


def _resources(report: dict[str, list[dict[str, str]]]) -> set[str]:
    records = [*report["passed_checks"], *report["failed_checks"]]
    return {record["resource"].split(".")[0] for record in records}


if __name__ == "__main__":
    sys.exit(main())
