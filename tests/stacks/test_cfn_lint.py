"""cfn-lint over every template."""

from __future__ import annotations

import json
from pathlib import Path

from tests.stacks.templates import Assembly

# Ignored rules, each with the reason.
IGNORED = {
    "W3005": "CDK adds a dependency that a reference implies anyway; it does no harm and cannot be switched off",
    "W3010": "zone names are in a template only where the settings name them",
    "W6001": "a service's Url output is the shared address and its own path: what users look for in its stack",
}


def lint(templates: list[Path], *, ignored: tuple[str, ...] = ()) -> list[str]:
    """Runs in this process: cfn-lint's start takes longer than a template."""
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

    files = [str(template) for template in templates]
    config = ConfigMixIn([], templates=files, regions=["eu-west-1"], ignore_checks=list(ignored))
    return [f"{m.rule.id} {Path(m.filename or '').name} {m.path}: {m.message}" for m in Runner(config).run()]


def template(assembly: Assembly, stack: str) -> Path:
    return assembly.directory / assembly.stacks[stack]["properties"]["templateFile"]


def rules(found: list[str]) -> set[str]:
    return {line.split()[0] for line in found}


def test_cfn_lint_accepts_every_template(assembly):
    templates = [template(assembly, stack) for stack in assembly.stacks]
    assert lint(templates, ignored=tuple(IGNORED)) == []


def test_every_ignored_rule_would_report_something(production, corners):
    found = lint([template(corners, "Network"), template(production, "Ecs-web")])
    assert rules(found) == set(IGNORED)


def test_cfn_lint_refuses_a_broken_template(sandbox, tmp_path):
    template = json.loads(sandbox.text("Ecs"))
    template["Resources"]["ClusterEB0386A7"]["Properties"]["ClusterNames"] = "misspelt"
    broken = tmp_path / "broken.template.json"
    broken.write_text(json.dumps(template))
    assert any(line.startswith("E3002") for line in lint([broken], ignored=tuple(IGNORED)))
