"""Puts the stacks together: what the settings and the catalog say, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from aws_cdk import App

from config.catalog import Catalog
from config.settings import Platform, Settings
from stacks.ecs_cluster import EcsClusterStack
from stacks.ecs_service import EcsServiceStack
from stacks.eks_cluster import EksClusterStack
from stacks.eks_service import EksServiceStack
from stacks.foundation import FoundationStack
from stacks.network import NetworkStack
from stacks.registry import RegistryStack
from stacks.state import StateStack
from stacks.workload import Workload


@dataclass
class HarbourPlatform:
    """All stacks of one environment, by room and by service."""

    foundation: FoundationStack
    network: NetworkStack
    registry: RegistryStack
    state: StateStack | None = None
    ecs: EcsClusterStack | None = None
    eks: EksClusterStack | None = None
    ecs_services: dict[str, EcsServiceStack] = field(default_factory=dict)
    eks_services: dict[str, EksServiceStack] = field(default_factory=dict)


def build_platform(app: App, settings: Settings, catalog: Catalog) -> HarbourPlatform:
    """Adds every stack of the environment to the app.

    Args:
        app: the CDK app.
        settings: the environment.
        catalog: the services.
    """
    foundation = FoundationStack(app, "Foundation", settings=settings)
    key = foundation.key
    names = [spec.name for spec in catalog.services]
    platform = HarbourPlatform(
        foundation=foundation,
        network=NetworkStack(app, "Network", settings=settings, key=key),
        registry=RegistryStack(app, "Registry", settings=settings, services=names, key=key),
    )
    # CloudFormation refuses a stack without resources, so there is one only where a service declares a table.
    if any(spec.table for spec in catalog.services):
        platform.state = StateStack(app, "State", settings=settings, services=catalog.services, key=key)
    if Platform.ECS in settings.platforms:
        _build_ecs(app, settings, catalog, platform)
    if Platform.EKS in settings.platforms:
        _build_eks(app, settings, catalog, platform)
    return platform


def _build_ecs(app: App, settings: Settings, catalog: Catalog, platform: HarbourPlatform) -> None:
    key = platform.foundation.key
    shared = platform.ecs = EcsClusterStack(app, "Ecs", settings=settings, network=platform.network, key=key)
    for workload in _workloads(settings, catalog, platform, Platform.ECS):
        name = workload.spec.name
        stack = EcsServiceStack(
            app,
            f"Ecs-{name}",
            workload=workload,
            shared=shared,
            registry=platform.registry,
            earlier=platform.ecs_services,
        )
        platform.ecs_services[name] = stack


def _build_eks(app: App, settings: Settings, catalog: Catalog, platform: HarbourPlatform) -> None:
    key = platform.foundation.key
    shared = platform.eks = EksClusterStack(app, "Eks", settings=settings, network=platform.network, key=key)
    for workload in _workloads(settings, catalog, platform, Platform.EKS):
        name = workload.spec.name
        platform.eks_services[name] = EksServiceStack(
            app, f"Eks-{name}", workload=workload, shared=shared, registry=platform.registry
        )


def _workloads(settings: Settings, catalog: Catalog, platform: HarbourPlatform, where: Platform) -> list[Workload]:
    return [
        Workload(
            spec=spec,
            settings=settings,
            catalog=catalog,
            table=platform.state.tables.get(spec.name) if platform.state else None,
            key=platform.foundation.key,
            alarm_topic_arn=platform.foundation.alarm_topic_arn,
        )
        for spec in catalog.on(where)
    ]
