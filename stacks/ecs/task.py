"""A hardened Fargate task: what every service and job on ECS runs as."""

from __future__ import annotations

from functools import cached_property

from aws_cdk import aws_ecs, aws_iam
from constructs import Construct

from config.service import USER_ID
from config.settings import Architecture, Platform, Settings
from stacks.acknowledgements import acknowledge
from stacks.durations import seconds
from stacks.logs import owned_log_group
from stacks.workload import Workload

_CPU_ARCHITECTURES = {
    Architecture.AMD64: aws_ecs.CpuArchitecture.X86_64,
    Architecture.ARM64: aws_ecs.CpuArchitecture.ARM64,
}
_LINUX = aws_ecs.OperatingSystemFamily.LINUX
PORT_NAME = "http"


def capacity_provider_strategies(settings: Settings) -> list[aws_ecs.CapacityProviderStrategy]:
    """How tasks are shared between Spot and on demand; a share of nothing is left out."""
    weights = {"FARGATE_SPOT": settings.spot_weight, "FARGATE": 100 - settings.spot_weight}
    return [
        aws_ecs.CapacityProviderStrategy(capacity_provider=provider, weight=weight)
        for provider, weight in weights.items()
        if weight
    ]


class FargateTask(Construct):
    """Task definition with one container: read-only root, numeric user, no capabilities, an init process, writable /tmp.

    Attributes:
        definition: the task definition; its family is <app>-<environment>-<service>.
        log_group: where the container's lines go.
    """

    def __init__(self, scope: Construct, construct_id: str, *, workload: Workload) -> None:
        super().__init__(scope, construct_id)
        self._workload = workload
        self.log_group = owned_log_group(self, "LogGroup")
        self.definition = self._create_definition()
        self._container = self._add_container()
        workload.grant_table(self.definition.task_role)
        self._acknowledge_findings()

    def _create_definition(self) -> aws_ecs.FargateTaskDefinition:
        spec, settings = self._workload.spec, self._workload.settings
        return aws_ecs.FargateTaskDefinition(
            self,
            "Definition",
            family=f"{settings.prefix}-{spec.name}",
            cpu=spec.cpu,
            memory_limit_mib=spec.memory,
            runtime_platform=aws_ecs.RuntimePlatform(
                cpu_architecture=_CPU_ARCHITECTURES[settings.architecture],
                operating_system_family=_LINUX,
            ),
            volumes=[aws_ecs.Volume(name="tmp")],
        )

    def listen(self, port: int) -> None:
        """Gives the container's port the name by which Service Connect knows it."""
        self._container.add_port_mappings(
            aws_ecs.PortMapping(
                name=PORT_NAME,
                container_port=port,
                protocol=aws_ecs.Protocol.TCP,
                app_protocol=aws_ecs.AppProtocol.http,  # type: ignore[arg-type] # jsii's stub takes it for a method
            )
        )

    def _add_container(self) -> aws_ecs.ContainerDefinition:
        spec = self._workload.spec
        image = self._workload.add_image(self)
        image.repository.grant_pull(self.execution_role)
        container = self.definition.add_container(
            "Container",
            container_name=spec.name,
            image=aws_ecs.ContainerImage.from_registry(image.uri),
            environment=self._workload.environment(),
            secrets=self._secrets(),
            user=f"{USER_ID}:{USER_ID}",
            readonly_root_filesystem=True,
            linux_parameters=self._linux_parameters(),
            stop_timeout=seconds(spec.stop_timeout),
            logging=aws_ecs.LogDrivers.aws_logs(
                stream_prefix=Platform.ECS,
                log_group=self.log_group,
                mode=aws_ecs.AwsLogDriverMode.NON_BLOCKING,
            ),
        )
        container.add_mount_points(aws_ecs.MountPoint(source_volume="tmp", container_path="/tmp", read_only=False))  # noqa: S108
        return container

    def _linux_parameters(self) -> aws_ecs.LinuxParameters:
        parameters = aws_ecs.LinuxParameters(self, "LinuxParameters", init_process_enabled=True)
        parameters.drop_capabilities(aws_ecs.Capability.ALL)
        return parameters

    def _secrets(self) -> dict[str, aws_ecs.Secret]:
        from_secrets_manager = {
            variable: aws_ecs.Secret.from_secrets_manager(secret)
            for variable, secret in self._workload.secrets_manager_secrets(self).items()
        }
        from_ssm = {
            variable: aws_ecs.Secret.from_ssm_parameter(parameter)
            for variable, parameter in self._workload.ssm_parameters(self).items()
        }
        return from_secrets_manager | from_ssm

    def _acknowledge_findings(self) -> None:
        acknowledge(
            self.definition,
            {
                "AwsSolutions-ECS2": "Plain variables carry names, ports and addresses. Secrets have a field of their own, and "
                "reach the container from Secrets Manager or SSM."
            },
        )
        role = self.execution_role
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken has no resource to be held to (IAM's reference)."
            },
        )

    @cached_property
    def execution_role(self) -> aws_iam.IRole:
        """The role that pulls the image, reads the secrets and writes the log, before and beside the container."""
        return self.definition.obtain_execution_role()
