"""A hardened Fargate task: what every service and job on ECS runs as."""

from __future__ import annotations

import re
from functools import cache

from aws_cdk import aws_ecr, aws_ecs, aws_iam
from constructs import Construct

from config.limits import WRITABLE_GIB
from config.service import ServiceSpec
from config.settings import Architecture, Platform, Settings
from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.ecs.container import service_container, volumes
from stacks.ecs.exec import allow_exec
from stacks.ecs.sidecars import sidecar_containers, sidecar_volumes
from stacks.logs import owned_log_group
from stacks.workload import Workload

_CPU_ARCHITECTURES = {Architecture.AMD64: "X86_64", Architecture.ARM64: "ARM64"}

# What looks to CloudFormation's own rules as if Fn::Sub had been forgotten.
_PLACEHOLDER = re.compile(r"\$\{[A-Za-z0-9_:.]+\}")
# The fields whose text reaches a container as it is written.
_WRITTEN = {"command", "entrypoint", "environment", "health", "sidecars"}

CfnTaskDefinition = aws_ecs.CfnTaskDefinition


def capacity_weights(settings: Settings) -> dict[str, int]:
    """How tasks are shared between Spot and on demand, by capacity provider; a share of nothing is left out."""
    weights = {"FARGATE_SPOT": settings.spot_weight, "FARGATE": 100 - settings.spot_weight}
    return {provider: weight for provider, weight in weights.items() if weight}


class FargateTask(Construct):
    """Task definition of the service's container, the first one, and its sidecars: read-only root with writable folders, numeric
    user, no capabilities.

    The definition is CloudFormation's own resource, as CDK's class takes more calls to Node for the same; the roles are
    CDK's, for their grants.

    Attributes:
        definition_arn: of the task definition, whose family is <app>-<environment>-<service>.
        roles: the execution role, which pulls the image, reads the secrets and writes the log, before and beside the
            container; and the task role, which the container itself has.
        log_group_name: where the container's lines go.
    """

    def __init__(self, scope: EnvironmentStack, construct_id: str, *, workload: Workload) -> None:
        super().__init__(scope, construct_id)
        self._workload = workload
        self._region = scope.region
        log_group = owned_log_group(self, "LogGroup", stack=scope)
        self.log_group_name = log_group.log_group_name
        inner = Construct(self, "Definition")
        task_role = aws_iam.Role(inner, "TaskRole", assumed_by=_tasks())
        execution_role = aws_iam.Role(inner, "ExecutionRole", assumed_by=_tasks())
        self.roles = (execution_role, task_role)
        image = workload.add_image(scope)
        repository = aws_ecr.Repository.from_repository_name(self, "Repository", image.repository)
        repository.grant_pull(execution_role)
        log_group.grant_write(execution_role)
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
        secrets = workload.grant_secrets(execution_role, read_secret=["secretsmanager:GetSecretValue"])
        container = service_container(
            workload, image_uri=image.uri, secrets=secrets, log_options=self.log_options(Platform.ECS)
        )
        sidecars = sidecar_containers(
            workload.spec,
            images=workload.add_sidecar_images(scope),
            secrets=secrets,
            log_options=self.log_options(Platform.ECS),
        )
        definition = self._create_definition(inner, [container, *sidecars])
        self.definition_arn = definition.ref
        workload.grant_data(task_role)
        workload.grant_queues(task_role)
        workload.grant_added(task_role)
        if workload.settings.exec:
            allow_exec(task_role, log_group=log_group, key=scope.key)
        _acknowledge_findings(definition, execution_role)
        _acknowledge_placeholders(definition, workload.spec)

    def log_options(self, stream_prefix: str) -> dict[str, str]:
        """Options of the awslogs driver; it drops lines before it blocks a service."""
        return {
            "awslogs-group": self.log_group_name,
            "awslogs-stream-prefix": stream_prefix,
            "awslogs-region": self._region,
            "mode": "non-blocking",
        }

    def _create_definition(
        self, scope: Construct, containers: list[CfnTaskDefinition.ContainerDefinitionProperty]
    ) -> CfnTaskDefinition:
        spec, settings = self._workload.spec, self._workload.settings
        execution_role, task_role = self.roles
        return CfnTaskDefinition(
            scope,
            "Resource",
            family=f"{settings.prefix}-{spec.name}",
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(spec.cpu),
            memory=str(spec.memory),
            runtime_platform=CfnTaskDefinition.RuntimePlatformProperty(
                cpu_architecture=_CPU_ARCHITECTURES[settings.architecture], operating_system_family="LINUX"
            ),
            execution_role_arn=execution_role,
            task_role_arn=task_role,
            container_definitions=containers,
            volumes=[
                CfnTaskDefinition.VolumeProperty(name=name)
                for name in (*volumes(spec, settings), *sidecar_volumes(spec))
            ],
            ephemeral_storage=_beyond_the_default(spec.storage),
        )


def _beyond_the_default(storage: int | None) -> CfnTaskDefinition.EphemeralStorageProperty | None:
    """Every task has the default, and asking for just that much is refused."""
    if storage is None or storage <= WRITABLE_GIB:
        return None
    return CfnTaskDefinition.EphemeralStorageProperty(size_in_gib=storage)


@cache  # the same for every service, and a call to Node each time
def _tasks() -> aws_iam.ServicePrincipal:
    return aws_iam.ServicePrincipal("ecs-tasks.amazonaws.com")


def _acknowledge_findings(definition: CfnTaskDefinition, execution_role: aws_iam.Role) -> None:
    acknowledge(
        definition,
        {
            "AwsSolutions-ECS2": "Plain variables carry names, ports and addresses. Secrets have a field of their own, and "
            "reach the container from Secrets Manager or SSM."
        },
    )
    acknowledge(
        execution_role,
        {"AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken does not support a resource (IAM's reference)."},
    )


def _acknowledge_placeholders(definition: CfnTaskDefinition, spec: ServiceSpec) -> None:
    """A shell's ${HOME} in a command, or a program's own in a variable, is no finding."""
    if _PLACEHOLDER.search(spec.model_dump_json(include=_WRITTEN)):
        reason = "The manifest's text is for the container: CloudFormation replaces ${...} only inside Fn::Sub."
        acknowledge(definition, {"CloudFormation-Validate::E1029": reason})
