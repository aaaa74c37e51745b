"""Synthesizes one side of a review with the CDK CLI, findings included."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ops.assembly import Assembly
from ops.cdk_output import telling
from ops.errors import OpsError
from ops.process import Finished, stream

_REPORT: Final = "validation-report.json"


def synthesize(
    project: Path, output: Path, *, tools: Path, environment: str, context: Mapping[str, str], log: Path
) -> None:
    """Writes the assembly of a project.

    Args:
        project: the folder with app.py and cdk.json.
        output: the folder to write; what it held is removed.
        tools: the folder whose .venv and node_modules are used.
        environment: the value of `-c env`.
        context: further settings.
        log: file for what the CLI prints.

    Raises:
        OpsError: it cannot be synthesized; with exit code 2, as the reason is in a setting or a manifest. Findings of the
            checkers are no reason: they are in the assembly.
    """
    shutil.rmtree(output, ignore_errors=True)
    python = tools / ".venv" / "bin" / "python"
    options = [part for key, value in {**context, "env": environment}.items() for part in ("-c", f"{key}={value}")]
    command: list[str | Path] = [
        tools / ".venv" / "bin" / "node", tools / "node_modules" / "aws-cdk" / "bin" / "cdk", "--no-color", "--no-notices",
        "synth", "--quiet", "--app", f"{python} -OO app.py", "--output", output, *options,
    ]  # fmt: skip
    done = stream(command, env=_environment(tools), cwd=project, log=log)
    if not done.ok and not _has_findings(output):
        raise OpsError(_reason(done, log), exit_code=2)


def _environment(tools: Path) -> dict[str, str]:
    """The caller's environment, with the tools first on PATH, and CDK's own rules on even where make switches them off."""
    path = os.pathsep.join([str(tools / ".venv" / "bin"), os.environ.get("PATH", os.defpath)])
    kept = {key: value for key, value in os.environ.items() if key not in {"CDK_VALIDATION", "VIRTUAL_ENV"}}
    return {**kept, "PATH": path, "CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_STACK_TRACE": "1"}


def _has_findings(output: Path) -> bool:
    """Whether the assembly is complete and only the checkers object to it."""
    try:
        report = json.loads((output / _REPORT).read_text(encoding="utf-8"))
        failed = any(plugin["conclusion"] == "failure" for plugin in report["pluginReports"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return failed and Assembly.is_in(output)


def _reason(done: Finished, log: Path) -> str:
    """The line of the CLI's output that says what went wrong."""
    if done.code == 127:
        return f"the CDK CLI cannot be run ({done.err}); run `make setup` first"
    last = next(reversed(telling(done.out)), f"cdk synth ended with exit code {done.code}")
    return last if ": " in last else f"{last} (log: {log})"


def own_python() -> str:
    """The interpreter behind this virtual environment, to make another one with."""
    return getattr(sys, "_base_executable", None) or sys.executable
