"""The sidecars of a service in its task definition, and what they change in the service's own container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import aws_ecs

from config.fields.sidecars import Sidecar
from config.service import ServiceSpec

_CfnTaskDefinition = aws_ecs.CfnTaskDefinition

# A sidecar that ends is started again, as on Kubernetes, unless it ended within so many seconds of its start; the least allowed.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html
_RESTART_SECONDS: Final = 60
# Seconds. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
_HEALTH_INTERVAL: Final = 5
_HEALTH_TIMEOUT: Final = 5
_HEALTH_RETRIES: Final = 3
_HEALTH_GRACE: Final = 60


def sidecar_containers(
    spec: ServiceSpec, *, images: Mapping[str, str], secrets: Mapping[str, str], log_options: Mapping[str, str]
) -> list[_CfnTaskDefinition.ContainerDefinitionProperty]:
    """The containers of the sidecars, in the order of the manifest, each hardened like the service's own.

    Args:
        spec: the service's manifest.
        images: the URI of each sidecar's image, by its name.
        secrets: the ARN of the source of each of the service's secrets, by the name of its variable.
        log_options: of the awslogs driver, which puts each container's lines into a stream of its own.
    """
    return [
        _container(spec, name, sidecar, image=images[name], secrets=secrets, log_options=log_options)
        for name, sidecar in spec.sidecars.items()
    ]


def _container(
    spec: ServiceSpec,
    name: str,
    sidecar: Sidecar,
    *,
    image: str,
    secrets: Mapping[str, str],
    log_options: Mapping[str, str],
) -> _CfnTaskDefinition.ContainerDefinitionProperty:
    return _CfnTaskDefinition.ContainerDefinitionProperty(
        name=name,
        image=image,
        essential=sidecar.essential,
        restart_policy=_CfnTaskDefinition.RestartPolicyProperty(enabled=True, restart_attempt_period=_RESTART_SECONDS),
        depends_on=_dependencies(_starts_after(spec, name)),
        command=list(sidecar.command) if sidecar.command else None,
        environment=[
            _CfnTaskDefinition.KeyValuePairProperty(name=key, value=value)
            for key, value in sorted(sidecar.environment.items())
        ]
        or None,
        secrets=[
            _CfnTaskDefinition.SecretProperty(name=key, value_from=secrets[key]) for key in sorted(sidecar.secrets)
        ]
        or None,
        cpu=sidecar.cpu,
        memory=sidecar.memory,
        health_check=_CfnTaskDefinition.HealthCheckProperty(
            command=["CMD", *sidecar.health.command],
            interval=_HEALTH_INTERVAL,
            timeout=_HEALTH_TIMEOUT,
            retries=_HEALTH_RETRIES,
            start_period=_HEALTH_GRACE,
        )
        if sidecar.health
        else None,
        user=f"{sidecar.user}:{sidecar.user}",
        readonly_root_filesystem=True,
        mount_points=[
            _CfnTaskDefinition.MountPointProperty(source_volume=volume, container_path=path, read_only=False)
            for volume, path in volumes_of(name, sidecar).items()
        ],
        linux_parameters=_CfnTaskDefinition.LinuxParametersProperty(
            init_process_enabled=True, capabilities=_CfnTaskDefinition.KernelCapabilitiesProperty(drop=["ALL"])
        ),
        stop_timeout=spec.stop_timeout,
        log_configuration=_CfnTaskDefinition.LogConfigurationProperty(log_driver="awslogs", options=dict(log_options)),
    )


def before_own_container(spec: ServiceSpec) -> list[_CfnTaskDefinition.ContainerDependencyProperty] | None:
    """What the service's own container waits for: the sidecars that start before it."""
    return _dependencies({name: sidecar for name, sidecar in spec.sidecars.items() if sidecar.starts_before})


def _starts_after(spec: ServiceSpec, name: str) -> dict[str, Sidecar | None]:
    """What a sidecar waits for: the one before it in the manifest, as on Kubernetes; or the service's own container."""
    alike = [other for other, sidecar in spec.sidecars.items() if sidecar.starts is spec.sidecars[name].starts]
    previous = alike[: alike.index(name)][-1:]
    if spec.sidecars[name].starts_before:
        return {other: spec.sidecars[other] for other in previous}
    # Among these a kubelet does not wait for health.
    return dict.fromkeys([spec.name, *previous])


def _dependencies(
    on: Mapping[str, Sidecar | None],
) -> list[_CfnTaskDefinition.ContainerDependencyProperty] | None:
    return [
        _CfnTaskDefinition.ContainerDependencyProperty(
            container_name=name, condition="HEALTHY" if sidecar and sidecar.health else "START"
        )
        for name, sidecar in on.items()
    ] or None


def volumes_of(name: str, sidecar: Sidecar) -> dict[str, str]:
    """The folders that a sidecar may write to, by the names of their volumes."""
    return {f"sidecar-{name}-{number}": folder for number, folder in enumerate(sidecar.folders)}


def sidecar_volumes(spec: ServiceSpec) -> list[str]:
    """The names of all sidecars' volumes."""
    return [volume for name, sidecar in spec.sidecars.items() for volume in volumes_of(name, sidecar)]
