"""The container of a service in its task definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import aws_ecs

from config.fields.health import CommandHealth
from config.service import USER_ID, HttpService, Worker
from stacks.workload import Workload

# The name of an http service's port, by which Service Connect knows it.
PORT_NAME: Final = "http"
# What the container may write to: the folder by the name of its volume.
VOLUMES: Final = {"tmp": "/tmp"}  # noqa: S108

_CfnTaskDefinition = aws_ecs.CfnTaskDefinition


def service_container(
    workload: Workload, *, image_uri: str, secrets: Mapping[str, str], log_options: Mapping[str, str]
) -> aws_ecs.CfnTaskDefinition.ContainerDefinitionProperty:
    """The service's own container: read-only root, numeric user, no capabilities, an init process, writable /tmp.

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
        environment=[
            _CfnTaskDefinition.KeyValuePairProperty(name=name, value=value)
            for name, value in workload.environment().items()
        ],
        secrets=[_CfnTaskDefinition.SecretProperty(name=name, value_from=source) for name, source in secrets.items()]
        or None,
        port_mappings=[
            _CfnTaskDefinition.PortMappingProperty(
                name=PORT_NAME, container_port=spec.port, protocol="tcp", app_protocol="http"
            )
        ]
        if isinstance(spec, HttpService)
        else None,
        user=f"{USER_ID}:{USER_ID}",
        readonly_root_filesystem=True,
        mount_points=[
            _CfnTaskDefinition.MountPointProperty(source_volume=name, container_path=path, read_only=False)
            for name, path in VOLUMES.items()
        ],
        linux_parameters=_CfnTaskDefinition.LinuxParametersProperty(
            init_process_enabled=True,
            capabilities=_CfnTaskDefinition.KernelCapabilitiesProperty(drop=["ALL"]),
        ),
        health_check=_health_check(spec.health) if isinstance(spec, Worker) and spec.health else None,
        stop_timeout=spec.stop_timeout,
        log_configuration=_CfnTaskDefinition.LogConfigurationProperty(log_driver="awslogs", options=dict(log_options)),
    )


def _health_check(health: CommandHealth) -> _CfnTaskDefinition.HealthCheckProperty:
    return _CfnTaskDefinition.HealthCheckProperty(
        command=["CMD", *health.command],
        interval=health.interval,
        timeout=health.timeout,
        retries=health.retries,
        start_period=health.start,
    )
