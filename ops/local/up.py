"""`make up`: the real CLI deploys the real templates to an emulated AWS on this machine.

Wrong input is reported before anything starts, and the slow parts overlap: the emulator boots and is bootstrapped while the app
is synthesized, images are pushed while stacks deploy. A run that started the emulator and fails takes it down again; one that
found it running leaves it running.
"""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError

from config.catalog import Catalog
from config.service import Job
from config.settings import Platform, Settings
from ops.assembly import Assembly
from ops.errors import OpsError
from ops.local import base_image, cloudformation, emulator, images, mesh, placeholders, report
from ops.local import engine as engines
from ops.local.cdk import TOOLKIT_STACK, Cli
from ops.local.engine import Engine
from ops.local.filter import Dropped, known_types, write_filtered
from ops.local.kubernetes import cluster as clusters
from ops.local.kubernetes.cluster import Cluster
from ops.local.kubernetes.deployment import Deployment
from ops.local.kubernetes.endpoint import check_given
from ops.local.outcome import Outcome
from ops.local.project import Project
from ops.local.services import Placement, Services, host_of, wait_for_answer
from ops.process import end_children
from ops.say import Say


class Guard:
    """Cleans up after a run that fails: stops the emulator if the run started it, and leaves one that it found running.

    Attributes:
        engine: the container engine, once it is known.
        started_here: True once this run has started the emulator.
    """

    def __init__(self, project: Project, say: Say) -> None:
        self._target = project.target
        self._workspace = project.workspace
        self._say = say
        self.engine: Engine | None = None
        self.started_here = False

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        """Raises OpsError if the emulator itself has failed."""
        if fault is None:
            return
        self._clean_up()
        if isinstance(fault, BotoCoreError | ClientError):
            raise OpsError(f"the emulator failed: {fault} (log: {self._workspace.log('emulator')})") from fault

    def _clean_up(self) -> None:
        """Ignores further Ctrl-C, which would stop the clean-up halfway."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError):  # not the main thread: a test
                signal.signal(signum, signal.SIG_IGN)
        end_children()
        if self.started_here:
            with suppress(BrokenPipeError):  # a closed pipe is no reason to leave it running
                self._say.note("taking down what this run had started")
            emulator.shut_down(self._target, self._workspace, self.engine)


class Up:
    """One run of `make up`."""

    def __init__(self, project: Project, say: Say) -> None:
        self._project = project
        self._workspace = project.workspace
        self._target = project.target
        self._say = say
        self._guard = Guard(project, say)

    def run(self) -> None:
        """Bring everything up and print the addresses. Raises OpsError, and ConfigError for a wrong setting or manifest."""
        with self._project.locked(), self._guard:
            self._run()

    def _run(self) -> None:
        since = time.time()
        cluster = self._look_at_cluster()
        with self._say.phase("container engine and base image"):
            self._guard.engine = engine = engines.ensure(self._workspace, self._say)
            settings, catalog = self._project.read(engine.architecture)
            base_image.ensure(engine, self._say, registry=settings.base_registry)
        cli = Cli(self._project.root, self._workspace, self._target, engine)
        with ThreadPoolExecutor(2) as pool:
            self._start_emulator(engine)
            try:
                booted = pool.submit(self._boot, cli)
                with self._say.phase("synthesize (while the emulator starts and is bootstrapped)"):
                    cli.synth(
                        {"env": self._project.environment, "architecture": engine.architecture}, self._project.assembly
                    )
                    dropped = self._filter()
                    mesh.from_catalog(catalog).save(self._workspace.mesh)
                    booted.result()
                self._prune(settings, catalog)
                publishing = self._build_and_deploy(pool, cli, engine, catalog)
                outcomes = self._wait(Services(self._target, settings, catalog, engine), since)
                with self._say.phase("push the remaining images"):
                    publishing.result()
            except BaseException:
                end_children()
                raise
        outcomes += self._kubernetes(settings, catalog, engine, cluster)
        images.remove_outdated(
            images.from_assembly(Assembly(self._project.emulated)), engine=engine, target=self._target
        )
        self._close(outcomes, dropped)

    def _start_emulator(self, engine: Engine) -> None:
        pid = emulator.running_pid(self._target, self._workspace)
        if pid is not None and not emulator.answers(self._target):
            self._say.note("the emulator hangs; restarting it")
            emulator.shut_down(self._target, self._workspace, engine)
        self._guard.started_here = emulator.launch(self._target, self._workspace, engine)

    def _boot(self, cli: Cli) -> None:
        emulator.wait_until_ready(self._target, self._workspace)
        try:
            self._target.cloudformation.describe_stacks(StackName=TOOLKIT_STACK)
        except ClientError:
            cli.bootstrap()

    def _filter(self) -> list[Dropped]:
        return write_filtered(
            self._project.assembly, self._project.emulated, known=known_types(), registry=self._target.registry
        )

    def _prune(self, settings: Settings, catalog: Catalog) -> None:
        gone = cloudformation.stacks_of_gone_services(self._target, settings, catalog)
        if gone:
            with self._say.phase(f"services whose folder is gone: {', '.join(gone)}"):
                cloudformation.delete_stacks(self._target, gone)

    def _build_and_deploy(
        self, pool: ThreadPoolExecutor, cli: Cli, engine: Engine, catalog: Catalog
    ) -> Future[list[str]]:
        wanted = images.from_assembly(Assembly(self._project.emulated))
        with self._say.phase("build images"):
            images.build_all(wanted, engine=engine, target=self._target, workspace=self._workspace, say=self._say)
        placeholders.create(self._target, catalog)
        images.create_repositories(wanted, self._target)
        publishing = pool.submit(images.push_all, wanted, engine=engine, target=self._target, workspace=self._workspace)
        with self._say.phase("cdk deploy (while images are pushed)"):
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
                if isinstance(placement.spec, Job):
                    services.run_job(placement)
                elif url := services.url(placement.spec, base_url):
                    wait_for_answer(url, placement.spec.name, host=host_of(placement.spec))
            return [services.outcome(placement, base_url) for placement in placements]

    def _settled(self, services: Services, placement: Placement, since: float) -> str:
        """Empty once the service runs; else the reason. A service that cannot start is stopped; the others are not touched."""
        if placement.service is None:
            return ""
        try:
            services.wait(placement, since)
        except OpsError as error:
            engine = self._guard.engine
            engine_answers = engine is not None and engine.run("version", timeout=20).ok
            if engine_answers and not services.earlier_version_runs(placement):
                services.halt(placement)
            return error.message
        return ""

    def _look_at_cluster(self) -> Cluster | None:
        """The cluster of KUBECONFIG, if there is one; whatever is wrong with it is reported before anything is built."""
        settings, _ = self._project.read()
        if Platform.EKS not in settings.platforms:
            return None
        check_given(os.environ)
        cluster = clusters.given_cluster(os.environ, target=self._target, workspace=self._workspace)
        if cluster:
            self._say.line(f"==> Kubernetes objects will be applied to the cluster of {cluster.kubectl.context}")
        return cluster

    def _kubernetes(
        self, settings: Settings, catalog: Catalog, engine: Engine, cluster: Cluster | None
    ) -> list[Outcome]:
        if Platform.EKS not in settings.platforms:
            return []
        with self._say.phase("Kubernetes objects"):
            return Deployment(
                assembly=Assembly(self._project.assembly),
                settings=settings,
                catalog=catalog,
                target=self._target,
                workspace=self._workspace,
                engine=engine,
                environ=os.environ,
                say=self._say,
            ).run(cluster)

    def _close(self, outcomes: list[Outcome], dropped: list[Dropped]) -> None:
        self._say.line()
        for line in [*report.outcome_lines(outcomes), "", *report.dropped_lines(dropped), ""]:
            self._say.line(line)
        took = sum(seconds for _, seconds in self._say.phases)
        self._say.line(f"Up in {took:.0f} s. What differs from AWS: docs/emulator.md")
        self._say.line(
            "Next: make status | make logs SERVICE=<name> | edit services/<name> and make up again | make down"
        )
