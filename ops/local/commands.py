"""`make down`, `status` and `prune`: the commands on an existing local deployment."""

from __future__ import annotations

import os

from config.catalog import Catalog
from config.errors import ConfigError
from config.settings import Platform, load_settings
from config.settings import Removal as DataRemoval
from ops.assembly import Assembly
from ops.errors import OpsError
from ops.local import cloudformation, emulator, images, report
from ops.local import engine as engines
from ops.local.cdk import TOOLKIT_STACK, Cli
from ops.local.engine import Engine
from ops.local.kubernetes import cluster as clusters
from ops.local.kubernetes.removal import Removal
from ops.local.kubernetes.state import applied_outcomes
from ops.local.outcome import Outcome
from ops.local.project import Project
from ops.local.services import Services
from ops.say import Say


def down(project: Project, say: Say, *, remove_images: bool) -> None:
    """Destroy every stack through the CLI, stop the emulator, and check that nothing is left. Works from any state."""
    with project.locked():
        engine = engines.find()
        target = project.target
        in_cluster = _clean_clusters(project, say)
        try:
            if project.is_up():
                with say.phase("cdk destroy"):
                    _destroy(project, say, engine)
        finally:  # stopping the emulator also removes whatever a failed destroy left
            with say.phase("stop the emulator"):
                emulator.shut_down(target, project.workspace, engine)
        if in_cluster:
            raise OpsError(f"left behind: {'; '.join(in_cluster)}")
        if engine is None:
            say.line("No container engine answers, so no container of this deployment runs. The emulator is stopped.")
            return
        if remove_images:
            for name in images.local_names(engine, target):
                engine.run("image", "rm", name)
        left = {kind: found for kind, found in emulator.leftovers(target, engine).items() if found}
        if left:
            raise OpsError(f"left behind: {left}; remove them with the engine's client")
        kept = (
            ""
            if remove_images
            else " Images stay in the engine for the next `make up` (make down IMAGES=1 removes them)."
        )
        say.line(f"Down: no stack, repository, container or network is left.{kept}")


def _clean_clusters(project: Project, say: Say) -> list[str]:
    """Delete what `make up` applied to Kubernetes clusters; returns what is left there."""
    removal = _removal(project, say)
    app = _app(project)
    if not os.environ.get("KUBECONFIG") and not clusters.recorded(project.workspace):
        return []
    with say.phase("Kubernetes objects"):
        return removal.down(app)


def _removal(project: Project, say: Say) -> Removal:
    return Removal(target=project.target, workspace=project.workspace, environ=os.environ, say=say)


def _app(project: Project) -> str:
    """The app's name, which is also the namespace; empty if the settings cannot be read."""
    try:
        return load_settings(project.root, project.environment, {}).app
    except ConfigError:
        return ""


def _destroy(project: Project, say: Say, engine: Engine | None) -> None:
    target = project.target
    owned = cloudformation.repositories_of_stacks(target)
    if Assembly.is_in(project.emulated):
        Cli(project.root, project.workspace, target, engine).destroy(project.emulated, say)
    left = [name for name in cloudformation.stack_names(target) if name != TOOLKIT_STACK]
    if left:  # those of services or settings that the last synth no longer had
        cloudformation.delete_stacks(target, left)
    there = {entry["repositoryName"] for entry in target.ecr.describe_repositories()["repositories"]}
    outlived = {name for name in owned & there if not _keeps_repositories(project)}
    if outlived:
        raise OpsError(
            f"{', '.join(sorted(outlived))}: the repository outlived its stack; see {project.workspace.log('destroy')}"
        )
    for name in there - owned:  # created ahead of a deployment that never reached its Registry stack
        target.ecr.delete_repository(repositoryName=name, force=True)


def _keeps_repositories(project: Project) -> bool:
    """Environments that keep their data keep repositories too; locally those go with the emulator."""
    try:
        return load_settings(project.root, project.environment, {}).removal is DataRemoval.KEPT
    except ConfigError:
        return False


def prune(project: Project, say: Say) -> None:
    """Take down the stacks of services whose folder is gone; `up` does this too, before it deploys."""
    with project.locked():
        engine = project.running_engine()
        settings, catalog = project.read(engine.architecture)
        gone = cloudformation.stacks_of_gone_services(project.target, settings, catalog)
        if gone:
            with say.phase(f"delete {', '.join(gone)}"):
                cloudformation.delete_stacks(project.target, gone)
            say.line("The next `make up` removes their repositories.")
        services = [spec.name for spec in catalog.on(Platform.EKS)]
        deleted = _removal(project, say).prune(settings.app, services)
        if deleted:
            say.line(f"Deleted from the cluster: {', '.join(deleted)}.")
        if not gone and not deleted:
            say.line("Nothing to prune: every service stack has its folder.")


def status(project: Project, say: Say) -> bool:
    """Print the state of every service; True if all are healthy."""
    engine = project.running_engine()
    settings, catalog = project.read(engine.architecture)
    services = Services(project.target, settings, catalog, engine)
    base_url = services.base_url()
    outcomes = [services.outcome(placement, base_url) for placement in services.placements()]
    outcomes += _in_clusters(project, catalog)
    for line in report.outcome_lines(outcomes):
        say.line(line)
    return all(outcome.healthy for outcome in outcomes)


def _in_clusters(project: Project, catalog: Catalog) -> list[Outcome]:
    """The services on the Kubernetes cluster of the last `make up`. Raises OpsError if it does not answer."""
    for record in clusters.recorded(project.workspace)[-1:]:
        cluster = clusters.recorded_cluster(record, os.environ, target=project.target, workspace=project.workspace)
        return applied_outcomes(cluster, catalog, namespace=record.namespace) if cluster else []
    return []
