"""`make up`, `down`, `status`, `logs` and `prune`: the real CLI deploys the real templates to an AWS on this machine.

The order of `up` is chosen so that what can be wrong with the input is told before anything starts, and so that the slow
parts overlap: the emulator boots and is bootstrapped while the app is synthesized, images travel while stacks deploy. A run
that started the emulator and does not finish takes it down again; one that found it running leaves what ran before.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from config.catalog import Catalog, load_catalog
from config.errors import ConfigError
from config.service import Kind
from config.settings import Platform, Removal, Settings, load_settings
from ops.errors import OpsError
from ops.local import base_image, emulator, images, kubernetes, mesh
from ops.local import engine as engines
from ops.local.cdk import TOOLKIT_STACK, Cli
from ops.local.emulator import Target
from ops.local.engine import Engine
from ops.local.filter import Dropped, Stack, known_types, read_stacks, write_filtered
from ops.local.report import dropped_lines, outcome_lines
from ops.local.services import Outcome, Placement, Services, wait_for_answer
from ops.local.workspace import Workspace
from ops.process import end_children
from ops.say import Say

STACKS_GONE_SECONDS = 60.0
PLACEHOLDER_SECRET = "local-placeholder"  # noqa: S105 - that is the point of it


@dataclass(frozen=True)
class Project:
    """One project folder, one environment of it, and the place on this machine that it is deployed to."""

    root: Path
    environment: str
    endpoint: str

    @cached_property
    def workspace(self) -> Workspace:
        return Workspace(self.root)

    @cached_property
    def target(self) -> Target:
        return Target(endpoint=self.endpoint)

    @property
    def assembly(self) -> Path:
        """What `cdk synth` made."""
        return self.workspace.folder / "cdk.out"

    @property
    def emulated(self) -> Path:
        """The copy of it that the emulator can deploy."""
        return self.workspace.folder / "cdk.emulated"

    def read(self, architecture: str) -> tuple[Settings, Catalog]:
        """Settings and services; a wrong one is the one line that the user reads, exit code 2."""
        try:
            settings = load_settings(self.root, self.environment, {"architecture": architecture})
            return settings, load_catalog(self.root, settings)
        except ConfigError as error:
            raise OpsError(str(error), exit_code=2) from error


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """One command at a time may change a project's local deployment."""
    workspace.prepare()
    with (workspace.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OpsError("another `make up` or `make down` is at work in this folder; wait for it to end") from None
        yield


class Up:
    """One run of `make up`."""

    def __init__(self, project: Project, say: Say) -> None:
        self._project = project
        self._workspace = project.workspace
        self._target = project.target
        self._say = say
        self._started_here = False
        self._engine: Engine | None = None

    def run(self) -> None:
        """Bring everything up and print where it is. Raises OpsError; on any way out but success nothing half-running stays."""
        with locked(self._workspace):
            try:
                self._run()
            except BaseException as error:
                self._clean_up()
                if isinstance(error, BotoCoreError | ClientError):
                    raise OpsError(f"the emulator failed: {error} (log: {self._workspace.log('emulator')})") from error
                raise

    def _run(self) -> None:
        since = time.time()
        with self._say.phase("container engine and base image"):
            self._engine = engine = engines.ensure(self._workspace, self._say)
            settings, catalog = self._project.read(engine.architecture)
            base_image.ensure(engine, self._say, registry=settings.base_registry)
        cli = Cli(self._project.root, self._workspace, self._target, engine)
        with ThreadPoolExecutor(2) as pool:
            self._start_emulator(engine)
            try:
                booted = pool.submit(self._boot, cli)
                with self._say.phase("synthesize (the emulator starts and is bootstrapped meanwhile)"):
                    cli.synth(
                        {"env": self._project.environment, "architecture": engine.architecture}, self._project.assembly
                    )
                    dropped = self._filter()
                    booted.result()
                self._prune(settings, catalog)
                publishing = self._build_and_deploy(pool, cli, engine, catalog)
                outcomes = self._wait(Services(self._target, settings, catalog, engine), since)
                with self._say.phase("the last images reach the registry"):
                    publishing.result()
            except BaseException:
                end_children()
                raise
        outcomes += self._kubernetes(settings, engine)
        images.remove_outdated(images.from_assembly(self._project.emulated), engine=engine, target=self._target)
        self._close(outcomes, dropped)

    def _start_emulator(self, engine: Engine) -> None:
        pid = emulator.running_pid(self._target, self._workspace)
        if pid is not None and not emulator.answers(self._target):
            self._say.note("the emulator hangs; starting it anew")
            emulator.shut_down(self._target, self._workspace, engine)
        self._started_here = emulator.launch(self._target, self._workspace, engine)

    def _boot(self, cli: Cli) -> None:
        emulator.wait_until_ready(self._target, self._workspace)
        try:
            self._target.cloudformation.describe_stacks(StackName=TOOLKIT_STACK)
        except ClientError:
            cli.bootstrap()

    def _filter(self) -> list[Dropped]:
        dropped = write_filtered(
            self._project.assembly, self._project.emulated, known=known_types(), registry=self._target.registry
        )
        services = [
            stack.template for stack in read_stacks(self._project.emulated) if stack.artifact.startswith("Ecs-")
        ]
        mesh.from_templates(services).save(self._workspace.folder / "mesh.json")
        return dropped

    def _prune(self, settings: Settings, catalog: Catalog) -> None:
        gone = stacks_of_gone_services(self._project, settings, catalog)
        if gone:
            with self._say.phase(f"services whose folder is gone: {', '.join(gone)}"):
                delete_stacks(self._target, gone)

    def _build_and_deploy(
        self, pool: ThreadPoolExecutor, cli: Cli, engine: Engine, catalog: Catalog
    ) -> Future[list[str]]:
        wanted = images.from_assembly(self._project.emulated)
        with self._say.phase("build images"):
            images.build_all(wanted, engine=engine, target=self._target, workspace=self._workspace, say=self._say)
        create_placeholders(self._target, catalog)
        images.create_repositories(wanted, self._target)
        publishing = pool.submit(images.push_all, wanted, engine=engine, target=self._target, workspace=self._workspace)
        with self._say.phase("cdk deploy (images travel to the registry meanwhile)"):
            cli.deploy(self._project.emulated, self._say)
        return publishing

    def _wait(self, services: Services, since: float) -> list[Outcome]:
        with self._say.phase("wait until every service answers"):
            placements = services.placements()
            for placement in placements:
                services.settle(placement)
            faults = [fault for placement in placements if (fault := self._settled(services, placement, since))]
            if faults:
                raise OpsError("; ".join(dict.fromkeys(faults)))  # the engine's own faults are the same for all
            base_url = services.base_url()
            for placement in placements:
                if placement.spec.kind is Kind.JOB:
                    services.run_job(placement)
                elif placement.spec.kind is Kind.HTTP:
                    wait_for_answer(f"{base_url}{placement.spec.path}", placement.spec.name)
            return [services.outcome(placement, base_url) for placement in placements]

    def _settled(self, services: Services, placement: Placement, since: float) -> str:
        """Empty once the service runs; else why not. A service that cannot start is stopped; its neighbours are not touched."""
        if placement.service is None:
            return ""
        try:
            services.wait(placement, since)
        except OpsError as error:
            if self._engine is not None and self._engine.run("version", timeout=20).ok:
                save_logs(self._project, self._engine)
                if not services.earlier_version_runs(placement):
                    services.halt(placement)
            return error.message
        return ""

    def _kubernetes(self, settings: Settings, engine: Engine) -> list[Outcome]:
        if Platform.EKS not in settings.platforms:
            return []
        with self._say.phase("Kubernetes manifests"):
            return kubernetes_outcomes(self._project, settings, engine)

    def _close(self, outcomes: list[Outcome], dropped: list[Dropped]) -> None:
        self._say.line()
        for line in [*outcome_lines(outcomes), "", *dropped_lines(dropped), ""]:
            self._say.line(line)
        took = sum(seconds for _, seconds in self._say.phases)
        self._say.line(f"Up in {took:.0f} s. What differs from AWS: docs/emulator.md")
        self._say.line(
            "Next: make status | make logs SERVICE=<name> | edit services/<name> and make up again | make down"
        )

    def _clean_up(self) -> None:
        """What a run that did not finish leaves: what it found running, and nothing that it started itself.

        A second Ctrl-C would stop it halfway, so from here on it is not listened to.
        """
        for signum in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError):  # not the main thread: a test
                signal.signal(signum, signal.SIG_IGN)
        end_children()
        if self._started_here:
            self._say.note("taking down what this run had started")
            if self._engine is not None:
                save_logs(self._project, self._engine)
            emulator.shut_down(self._target, self._workspace, self._engine)


def stack_names(target: Target) -> list[str]:
    """Names of every stack in the emulator that is not deleted."""
    pages = target.cloudformation.get_paginator("describe_stacks").paginate()
    return [
        stack["StackName"] for page in pages for stack in page["Stacks"] if stack["StackStatus"] != "DELETE_COMPLETE"
    ]


def stacks_of_gone_services(project: Project, settings: Settings, catalog: Catalog) -> list[str]:
    """Service stacks in the emulator whose service this environment no longer has."""
    prefixes = {platform: f"{settings.prefix}-{platform.value.capitalize()}-" for platform in Platform}
    wanted = {f"{prefixes[platform]}{spec.name}" for platform in settings.platforms for spec in catalog.on(platform)}
    found = [name for name in stack_names(project.target) if name.startswith(tuple(prefixes.values()))]
    return sorted(set(found) - wanted)


def delete_stacks(target: Target, names: list[str]) -> None:
    """Delete stacks that the CLI no longer knows, and wait until they are gone."""
    client = target.cloudformation
    for name in names:
        client.delete_stack(StackName=name)
    deadline = time.monotonic() + STACKS_GONE_SECONDS
    left = set(names)
    while left and time.monotonic() < deadline:
        left &= set(stack_names(target))
        time.sleep(0.1)
    if left:
        raise OpsError(f"{', '.join(sorted(left))}: could not be deleted; run `make down`, then `make up`")


def create_placeholders(target: Target, catalog: Catalog) -> None:
    """Give every secret that a manifest names a value, as an operator does on AWS before the first deployment."""
    secrets_manager, ssm = target.client("secretsmanager"), target.client("ssm")
    for source in (source for spec in catalog.services for source in spec.secrets.values()):
        if source.secrets_manager:
            with suppress(secrets_manager.exceptions.ResourceExistsException):
                secrets_manager.create_secret(Name=source.secrets_manager, SecretString=PLACEHOLDER_SECRET)
        elif source.ssm:
            with suppress(ssm.exceptions.ParameterAlreadyExists):
                ssm.put_parameter(Name=source.ssm, Value=PLACEHOLDER_SECRET, Type="SecureString")


def kubernetes_outcomes(project: Project, settings: Settings, engine: Engine) -> list[Outcome]:
    """Apply or validate each service's manifests; which of the two, and why, is in each outcome's state.

    A cluster that the user gave must take them, or `up` fails. The emulator's own is a bonus: where it does not take them they
    are validated, and the state says what was in the way.
    """
    target, given = project.target, kubernetes.kubeconfig(os.environ)
    own = None if given else kubernetes.emulated_cluster(engine, target, project.workspace)
    registry = f"{target.account}.dkr.ecr.{target.region}.amazonaws.com" if own else target.registry
    env = {**target.child_environment(project.workspace), "KUBECONFIG": given or own or ""}
    values, outcomes, obstacle = stack_outputs(target), [], ""
    for stack in service_stacks(project.assembly, "Eks-"):
        manifests = kubernetes.objects(stack, values, registry)
        state = ""
        if given:
            state = kubernetes.apply(manifests, namespace=settings.app, kubeconfig=given, env=env)
        elif own and not obstacle:
            try:
                state = _apply_to_own(target, engine, manifests, namespace=settings.app, kubeconfig=own, env=env)
            except OpsError as error:
                obstacle = f"; the emulator's k3s did not take them: {error.message}"
        state = state or kubernetes.describe_validation(manifests, settings.eks_version) + obstacle
        outcomes.append(Outcome(stack.artifact.removeprefix("Eks-"), "kubernetes", state))
    return outcomes


def _apply_to_own(
    target: Target,
    engine: Engine,
    manifests: list[dict[str, Any]],
    *,
    namespace: str,
    kubeconfig: str,
    env: dict[str, str],
) -> str:
    kubernetes.wait_for_cluster(kubeconfig, env)
    variables = {
        "AWS_ENDPOINT_URL": f"http://{emulator.bridge_gateway(engine)}:{target.port}",
        "AWS_ACCESS_KEY_ID": target.account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": target.region,
    }
    return kubernetes.apply(
        kubernetes.with_variables(manifests, variables),
        namespace=namespace,
        kubeconfig=kubeconfig,
        env=env,
        rollout_seconds=kubernetes.EMULATED_ROLLOUT_SECONDS,
    )


def service_stacks(assembly: Path, prefix: str) -> list[Stack]:
    return [stack for stack in read_stacks(assembly) if stack.artifact.startswith(prefix)]


def stack_outputs(target: Target) -> dict[tuple[str, str], str]:
    """Every stack's outputs in the emulator, by stack name and key."""
    pages = target.cloudformation.get_paginator("describe_stacks").paginate()
    return {
        (stack["StackName"], output["OutputKey"]): output["OutputValue"]
        for page in pages
        for stack in page["Stacks"]
        for output in stack.get("Outputs", [])
    }


def save_logs(project: Project, engine: Engine) -> None:
    """Keep the last output of every container of this emulator in the workspace, for after they are gone."""
    folder = project.workspace.logs / "containers"
    folder.mkdir(parents=True, exist_ok=True)
    for container in emulator.leftovers(project.target, engine)["containers"]:
        name = engine.run("inspect", "--format", "{{.Name}}", container).out.strip().lstrip("/")
        done = engine.run("logs", "--tail", "200", container)
        if name:
            (folder / f"{name}.log").write_text(done.out + done.err)


def down(project: Project, say: Say, *, remove_images: bool) -> None:
    """Destroy every stack through the CLI, prove that nothing is left, stop the emulator. Works on whatever state it finds."""
    with locked(project.workspace):
        engine = engines.find()
        target = project.target
        try:
            if emulator.running_pid(target, project.workspace) is not None and emulator.answers(target):
                with say.phase("cdk destroy"):
                    _destroy(project, say, engine)
        finally:  # with it goes whatever a destroy that failed has left
            with say.phase("stop the emulator"):
                emulator.shut_down(target, project.workspace, engine)
        if engine is None:
            say.line("No container engine answers, so no container of this deployment runs. The emulator is stopped.")
            return
        if remove_images:
            for name in images.local_names(engine, target):
                engine.run("image", "rm", name)
        left = {kind: found for kind, found in emulator.leftovers(target, engine).items() if found}
        if left:
            raise OpsError(f"left behind: {left}; remove them with the engine's client and tell us")
        kept = (
            ""
            if remove_images
            else " Images stay in the engine for the next `make up` (make down IMAGES=1 removes them)."
        )
        say.line(f"Down: no stack, repository, container or network is left.{kept}")


def _destroy(project: Project, say: Say, engine: Engine | None) -> None:
    target = project.target
    owned = _repositories_of_stacks(target)
    if (project.emulated / "manifest.json").exists():
        Cli(project.root, project.workspace, target, engine).destroy(project.emulated, say)
    left = [name for name in stack_names(target) if name != TOOLKIT_STACK]
    if left:  # of services or settings that the last synth no longer had
        delete_stacks(target, left)
    there = {entry["repositoryName"] for entry in target.ecr.describe_repositories()["repositories"]}
    outlived = {name for name in owned & there if not _keeps_repositories(project)}
    if outlived:
        raise OpsError(
            f"{', '.join(sorted(outlived))}: the repository outlived its stack; see {project.workspace.log('destroy')}"
        )
    for name in there - owned:  # made ahead of a deployment that then did not come to its Registry stack
        target.ecr.delete_repository(repositoryName=name, force=True)


def _repositories_of_stacks(target: Target) -> set[str]:
    pages = target.cloudformation.get_paginator("list_stack_resources")
    return {
        entry.get("PhysicalResourceId", "")
        for stack in stack_names(target)
        if stack != TOOLKIT_STACK
        for page in pages.paginate(StackName=stack)
        for entry in page["StackResourceSummaries"]
        if entry["ResourceType"] == "AWS::ECR::Repository"
    }


def _keeps_repositories(project: Project) -> bool:
    """Environments that keep their data keep repositories too; locally those end with the emulator."""
    try:
        return load_settings(project.root, project.environment, {}).removal is Removal.KEPT
    except ConfigError:
        return False


def prune(project: Project, say: Say) -> None:
    """Take down the stacks of services whose folder is gone; `up` does this too, before it deploys."""
    with locked(project.workspace):
        engine = _running(project)
        settings, catalog = project.read(engine.architecture)
        gone = stacks_of_gone_services(project, settings, catalog)
        if not gone:
            say.line("Nothing to prune: every service stack has its folder.")
            return
        with say.phase(f"delete {', '.join(gone)}"):
            delete_stacks(project.target, gone)
        say.line("Their repositories go with the next `make up`.")


def status(project: Project, say: Say) -> bool:
    """Print what runs; True where everything that should run does."""
    engine = _running(project)
    settings, catalog = project.read(engine.architecture)
    services = Services(project.target, settings, catalog, engine)
    base_url = services.base_url()
    outcomes = [services.outcome(placement, base_url) for placement in services.placements()]
    for line in outcome_lines(outcomes):
        say.line(line)
    return all("does not answer" not in outcome.state and not outcome.state.startswith("0 of") for outcome in outcomes)


def logs(project: Project, say: Say, *, service: str | None, follow: bool) -> None:
    """Print what the services wrote, from the emulator's CloudWatch Logs; with `follow`, until Ctrl-C."""
    engine = _running(project)
    settings, catalog = project.read(engine.architecture)
    names = [spec.name for spec in catalog.on(Platform.ECS)]
    if service is not None and service not in names:
        raise OpsError(
            f"SERVICE={service}: there is no such service on ECS; write one of {', '.join(names)}", exit_code=2
        )
    chosen = [service] if service else names
    client, seen = project.target.logs, dict[str, int]()
    width = max(len(name) for name in chosen)
    while True:
        for name in chosen:
            for group in _log_groups(project, f"{settings.prefix}-Ecs-{name}"):
                pages = client.get_paginator("filter_log_events").paginate(
                    logGroupName=group, startTime=seen.get(group, 0)
                )
                for event in sorted(
                    (event for page in pages for event in page["events"]), key=lambda e: e["timestamp"]
                ):
                    seen[group] = event["timestamp"] + 1
                    say.line(f"{name.ljust(width)}  {event['message'].rstrip()}")
        if not follow:
            return
        time.sleep(1)


def _log_groups(project: Project, stack: str) -> list[str]:
    try:
        listed = project.target.cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
    except ClientError:
        return []
    return [entry["PhysicalResourceId"] for entry in listed if entry["ResourceType"] == "AWS::Logs::LogGroup"]


def _running(project: Project) -> Engine:
    """The engine, given that this project's emulator runs. Raises OpsError that says how to get there."""
    if emulator.running_pid(project.target, project.workspace) is None or not emulator.answers(project.target):
        raise OpsError("the local deployment is not up; run `make up`")
    engine = engines.find()
    if engine is None:
        raise OpsError("the container engine does not answer; start it and run `make up`")
    return engine
