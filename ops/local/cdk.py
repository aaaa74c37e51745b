"""The real CDK CLI, against the emulator: synth, bootstrap, deploy, destroy."""

from __future__ import annotations

import re
from pathlib import Path

from ops.cdk_output import plain, telling
from ops.errors import OpsError
from ops.local.engine import Engine
from ops.local.target import Target
from ops.local.workspace import Workspace
from ops.process import Finished, stream
from ops.say import Say

CONCURRENCY = "8"
TOOLKIT_STACK = "CDKToolkit"
FINISHED_STACK = re.compile(r"^ ?✅\s+(\S+)")
FAILED_STACK = re.compile(r"^\s*❌\s+(.*)$")
# The CLI's line about the resource that runs a service's before_deploy: the service, what failed (CREATE or UPDATE), the reason.
FAILED_BEFORE_DEPLOY = re.compile(
    r"\| (CREATE|UPDATE)_FAILED +\| Custom::BeforeDeploy +\| Ecs-([^/]+)/\S+ \(\w+\) (.+)$"
)


class Cli:
    """The CDK CLI of one project; its output goes to the workspace's logs."""

    def __init__(self, project: Path, workspace: Workspace, target: Target, engine: Engine | None) -> None:
        self._project = project
        self._workspace = workspace
        self._env = target.child_environment(workspace, engine=engine)
        self._target = target
        self._script = project / "node_modules" / "aws-cdk" / "bin" / "cdk"
        if not self._script.exists():
            raise OpsError("the CDK CLI is not installed here; run `make setup` (or `npm ci`) first", exit_code=2)

    def synth(self, context: dict[str, str], output: Path) -> None:
        """`cdk synth` of the project into `output`; a wrong manifest ends in its one line, exit code 2."""
        options = [part for key, value in context.items() for part in ("-c", f"{key}={value}")]
        done = self._run("synth", ["synth", "--quiet", *options, "--output", str(output)], cwd=self._project)
        if not done.ok:
            raise OpsError(_reason(done, self._workspace.log("synth")), exit_code=2)

    def bootstrap(self) -> None:
        where = f"aws://{self._target.account}/{self._target.region}"
        done = self._run("bootstrap", ["bootstrap", where])
        if not done.ok:
            raise OpsError(f"cdk bootstrap failed: {_reason(done, self._workspace.log('bootstrap'))}")

    def deploy(self, assembly: Path, say: Say) -> None:
        """Deploy every stack of an assembly, in parallel where dependencies allow; prints each as it finishes."""

        def show(line: str) -> None:
            match = FINISHED_STACK.match(plain(line))
            if match and "no changes" not in line:
                say.note(f"deployed {match[1]}")

        arguments = [
            "deploy", "--all", "--app", str(assembly), "--concurrency", CONCURRENCY, "--require-approval", "never",
            "--method", "direct", "--progress", "events",
        ]  # fmt: skip
        done = self._run("deploy", arguments, on_line=show)
        if not done.ok:
            if said := _failed_before_deploy(done):
                raise OpsError(said)
            raise OpsError(f"cdk deploy failed: {_reason(done, self._workspace.log('deploy'))}")

    def destroy(self, assembly: Path, say: Say) -> None:
        def show(line: str) -> None:
            match = FINISHED_STACK.match(plain(line))
            if match:
                say.note(f"destroyed {match[1].rstrip(':')}")

        arguments = ["destroy", "--all", "--force", "--app", str(assembly), "--concurrency", CONCURRENCY]
        done = self._run("destroy", arguments, on_line=show)
        if not done.ok:
            raise OpsError(f"cdk destroy failed: {_reason(done, self._workspace.log('destroy'))}")

    def _run(self, name: str, arguments: list[str], *, cwd: Path | None = None, on_line: object = None) -> Finished:
        command = ["node", str(self._script), "--no-color", "--no-notices", *arguments]
        listener = on_line if callable(on_line) else (lambda line: None)
        return stream(
            command, env=self._env, cwd=cwd or self._workspace.folder, log=self._workspace.log(name), on_line=listener
        )


def _failed_before_deploy(done: Finished) -> str:
    """The services whose command before the deployment failed, with the reasons; empty if none did."""
    found = {}
    for line in done.out.splitlines():
        if match := FAILED_BEFORE_DEPLOY.search(plain(line).rstrip()):
            what, service, reason = match.groups()
            runs = "the earlier version keeps running" if what == "UPDATE" else "nothing of it runs"
            found[service] = f"{service}: {reason}; {runs}. See `make logs SERVICE={service}`"
    return "; ".join(found.values())


def _reason(done: Finished, log: Path) -> str:
    """The one line of the CLI's output that says what went wrong."""
    lines = telling(done.out)
    failed = [match[1] for line in lines if (match := FAILED_STACK.match(line))]
    chosen = failed[0] if failed else (lines[-1] if lines else f"exit code {done.code}")
    return chosen if ": " in chosen and not failed else f"{chosen} (log: {log})"
