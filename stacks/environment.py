"""Builds one environment from its settings and the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import App

from config import names
from config.catalog import Catalog
from config.extras import Hooks
from config.names import stack_id
from config.service import Worker
from config.settings import Platform, Settings
from stacks.ecs.cluster import EcsClusterStack
from stacks.ecs.service import EcsServiceStack
from stacks.eks.cluster import EksClusterStack
from stacks.eks.service import EksServiceStack
from stacks.foundation import FoundationStack
from stacks.narrow import narrow
from stacks.network import NetworkStack
from stacks.registry import RegistryStack
from stacks.state import StateStack, data_of, queue_of
from stacks.vpc import Network, existing_network
from stacks.workload import Workload


@dataclass(frozen=True, kw_only=True)
class SharedStacks:
    """The stacks that every service needs, on either platform, and the CDK code that some services bring."""

    foundation: FoundationStack
    network: Network
    state: StateStack | None
    extras: Mapping[str, Hooks]


def build_stacks(app: App, settings: Settings, catalog: Catalog, extras: Mapping[str, Hooks]) -> None:
    """Adds every stack of the environment to the app.

    Args:
        app: the CDK app.
        settings: the environment.
        catalog: the services.
        extras: the CDK code of the services that have some of their own, by service name.
    """
    shared = _build_shared(app, settings, catalog, extras)
    if Platform.ECS in settings.platforms:
        _build_ecs(app, settings, catalog, shared)
    if Platform.EKS in settings.platforms:
        _build_eks(app, settings, catalog, shared)
    _build_registry(app, settings, catalog, shared)


def _build_shared(app: App, settings: Settings, catalog: Catalog, extras: Mapping[str, Hooks]) -> SharedStacks:
    foundation = FoundationStack(app, names.FOUNDATION, settings=settings)
    key = foundation.key
    return SharedStacks(
        foundation=foundation,
        # CloudFormation refuses a stack without resources, and a VPC that exists needs none.
        network=existing_network(foundation, settings.vpc)
        if settings.vpc
        else NetworkStack(
            app, names.NETWORK, settings=settings, key=key, queues=any(spec.queues for spec in catalog.services)
        ).network,
        # CloudFormation refuses a stack without resources, so it exists only if it holds something of a service.
        state=StateStack(
            app,
            names.STATE,
            settings=settings,
            services=catalog.services,
            key=key,
            alarm_topic_arn=foundation.alarm_topic_arn,
        )
        if any(spec.holds_state for spec in catalog.services)
        else None,
        extras=extras,
    )


def _build_ecs(app: App, settings: Settings, catalog: Catalog, shared: SharedStacks) -> None:
    cluster = EcsClusterStack(
        app, stack_id(Platform.ECS), settings=settings, network=shared.network, key=shared.foundation.key
    )
    built: dict[str, EcsServiceStack] = {}
    for workload in _workloads(settings, catalog, shared, Platform.ECS):
        name = workload.spec.name
        built[name] = EcsServiceStack(
            app,
            stack_id(Platform.ECS, name),
            workload=workload,
            cluster=cluster,
            earlier=built,
        )


def _build_eks(app: App, settings: Settings, catalog: Catalog, shared: SharedStacks) -> None:
    cluster = EksClusterStack(
        app, stack_id(Platform.EKS), settings=settings, network=shared.network, key=shared.foundation.key
    )
    for workload in _workloads(settings, catalog, shared, Platform.EKS):
        EksServiceStack(
            app,
            stack_id(Platform.EKS, workload.spec.name),
            workload=workload,
            cluster=cluster,
        )


def _build_registry(app: App, settings: Settings, catalog: Catalog, shared: SharedStacks) -> None:
    RegistryStack(
        app,
        names.REGISTRY,
        settings=settings,
        services={spec.name: spec.sidecars for spec in catalog.services},
        waiting=[stack_id(platform, spec.name) for platform in settings.platforms for spec in catalog.on(platform)],
        key=shared.foundation.key,
    )


def _workloads(settings: Settings, catalog: Catalog, shared: SharedStacks, platform: Platform) -> list[Workload]:
    return [
        Workload(
            spec=spec,
            settings=settings,
            catalog=catalog,
            data=data_of(spec, shared.state, shared.foundation.key),
            queues={
                name: queue_of(narrow(catalog.service(name), Worker), shared.state, shared.foundation.key)
                for name in spec.queues
            },
            alarm_topic_arn=shared.foundation.alarm_topic_arn,
            hooks=shared.extras.get(spec.name),
        )
        for spec in catalog.on(platform)
    ]
