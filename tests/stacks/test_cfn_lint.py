"""cfn-lint over every template."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.stacks.templates import Assembly

# Rules that are not followed, each with the reason.
IGNORED = {
    "W3005": "CDK writes a dependency that a reference implies anyway; it costs nothing and cannot be switched off",
    "W3010": "zone names stand in a template only where the settings name them",
    "W6001": "a service's Url output is the shared address and its own path: what people look for in its stack",
}


def lint(templates: list[Path], *, ignored: tuple[str, ...] = ()) -> list[str]:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json", "--regions", "eu-west-1"]
    if ignored:
        command += ["--ignore-checks", *ignored]
    done = subprocess.run(
        [*command, "--template", *map(str, templates)], capture_output=True, text=True, check=False, timeout=300
    )
    found = json.loads(done.stdout or "[]")
    assert done.returncode == 0 or found, done.stderr
    return [f"{m['Rule']['Id']} {Path(m['Filename']).name} {m['Location']['Path']}: {m['Message']}" for m in found]


def template(assembly: Assembly, stack: str) -> Path:
    return assembly.directory / assembly.stacks[stack]["properties"]["templateFile"]


def rules(found: list[str]) -> set[str]:
    return {line.split()[0] for line in found}


def test_cfn_lint_accepts_every_template(assembly):
    templates = [template(assembly, stack) for stack in assembly.stacks]
    assert lint(templates, ignored=tuple(IGNORED)) == []


def test_no_rule_is_ignored_in_vain(production, corners):
    found = lint([template(corners, "Network"), template(production, "Ecs-web")])
    assert rules(found) == set(IGNORED)


def test_cfn_lint_refuses_a_broken_template(sandbox, tmp_path):
    template = json.loads(sandbox.text("Ecs"))
    template["Resources"]["ClusterEB0386A7"]["Properties"]["ClusterNames"] = "misspelt"
    broken = tmp_path / "broken.template.json"
    broken.write_text(json.dumps(template))
    assert any(line.startswith("E3002") for line in lint([broken], ignored=tuple(IGNORED)))
