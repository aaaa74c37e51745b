"""The container of a service in its task definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import aws_ecs

from config.fields.health import CommandHealth
from config.fields.network import Protocol
from config.service import HttpService, ServiceSpec, Worker
from config.settings import Settings
from stacks.ecs.sidecars import before_own_container
from stacks.workload import Workload

# The names of an http service's ports, by which Service Connect knows them.
PORT_NAME: Final = "http"
PRIVATE_PORT_NAME: Final = "private"

# What the agent of ECS Exec writes to, which it does as root. AWS's guide asks for a root file system that can be written to, but
# these are enough: https://github.com/aws/containers-roadmap/issues/1359
_EXEC_VOLUMES: Final = {
    "exec-agents": "/managed-agents",
    "exec-state": "/var/lib/amazon/ssm",
    "exec-logs": "/var/log/amazon/ssm",
}

_CfnTaskDefinition = aws_ecs.CfnTaskDefinition


def volumes(spec: ServiceSpec, settings: Settings) -> dict[str, str]:
    """The folders that the container may write to, by the names of their volumes."""
    return {**spec.volumes, **_EXEC_VOLUMES} if settings.exec else spec.volumes


def service_container(
    workload: Workload, *, image_uri: str, secrets: Mapping[str, str], log_options: Mapping[str, str]
) -> aws_ecs.CfnTaskDefinition.ContainerDefinitionProperty:
    """The service's own container: read-only root with writable folders, numeric user, no capabilities, an init process.

    Args:
        workload: the service.
        image_uri: its image.
        secrets: the ARN of the source of each secret, by the name of its variable.
        log_options: of the awslogs driver.
    """
    spec = workload.spec
    return _CfnTaskDefinition.ContainerDefinitionProperty(
        name=spec.name,
        image=image_uri,
        essential=True,
        entry_point=list(spec.entrypoint) if spec.entrypoint else None,
        command=list(spec.command) if spec.command else None,
        # Without sidecars all of the task is its own; beside them it would get next to nothing when both are busy.
        cpu=spec.own_cpu if spec.sidecars else None,
        depends_on=before_own_container(spec),
        environment=[
            _CfnTaskDefinition.KeyValuePairProperty(name=name, value=value)
            for name, value in workload.environment().items()
        ],
        secrets=[_CfnTaskDefinition.SecretProperty(name=name, value_from=source) for name, source in secrets.items()]
        or None,
        port_mappings=_port_mappings(spec),
        user="{}:{}".format(*spec.user_and_group),
        readonly_root_filesystem=True,
        mount_points=[
            _CfnTaskDefinition.MountPointProperty(source_volume=name, container_path=path, read_only=False)
            for name, path in volumes(spec, workload.settings).items()
        ],
        linux_parameters=_CfnTaskDefinition.LinuxParametersProperty(
            init_process_enabled=spec.init,
            capabilities=_CfnTaskDefinition.KernelCapabilitiesProperty(drop=["ALL"]),
        ),
        health_check=_health_check(spec.health) if isinstance(spec, Worker) and spec.health else None,
        stop_timeout=spec.stop_timeout,
        log_configuration=_CfnTaskDefinition.LogConfigurationProperty(log_driver="awslogs", options=dict(log_options)),
    )


def _port_mappings(spec: ServiceSpec) -> Sequence[_CfnTaskDefinition.PortMappingProperty] | None:
    """The ports that an http service listens on; Service Connect reads the protocol here, and without one passes bytes on.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
    """
    if not isinstance(spec, HttpService):
        return None
    spoken = None if spec.protocol is Protocol.TCP else spec.protocol.value
    mappings = [_port_mapping(PORT_NAME, spec.port, spoken)]
    if spec.private_port is not None:
        mappings.append(_port_mapping(PRIVATE_PORT_NAME, spec.private_port, Protocol.HTTP.value))
    return mappings


def _port_mapping(name: str, port: int, spoken: str | None) -> _CfnTaskDefinition.PortMappingProperty:
    return _CfnTaskDefinition.PortMappingProperty(name=name, container_port=port, protocol="tcp", app_protocol=spoken)


def _health_check(health: CommandHealth) -> _CfnTaskDefinition.HealthCheckProperty:
    return _CfnTaskDefinition.HealthCheckProperty(
        command=["CMD", *health.command],
        interval=health.interval,
        timeout=health.timeout,
        retries=health.retries,
        start_period=health.start,
    )
