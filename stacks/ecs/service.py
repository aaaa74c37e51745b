"""One service or job on ECS Fargate: a stack that is deployed and rolled back independently."""

from __future__ import annotations

from collections.abc import Mapping

from constructs import Construct

from config.service import HttpService, Job, ServiceSpec, Worker
from config.settings import Platform
from stacks.base import EnvironmentStack
from stacks.ecs.cluster import EcsClusterStack
from stacks.ecs.http_service import HttpServiceOnEcs
from stacks.ecs.inner_service import InnerServiceOnEcs
from stacks.ecs.job import JobOnEcs
from stacks.ecs.security_groups import create_security_group, open_port
from stacks.ecs.task import FargateTask
from stacks.ecs.worker import WorkerOnEcs
from stacks.ecs.workload import EcsWorkload
from stacks.synthesizer import ServiceSynthesizer
from stacks.workload import Workload

# Kind of service to its construct on ECS.
KINDS: Mapping[type[ServiceSpec], type[HttpServiceOnEcs | WorkerOnEcs | JobOnEcs]] = {
    HttpService: HttpServiceOnEcs,
    Worker: WorkerOnEcs,
    Job: JobOnEcs,
}


class EcsServiceStack(EnvironmentStack):
    """The stack Ecs-<name>.

    Attributes:
        workload: the service and what is around it.
        security_group_id: of the service's tasks; callers' stacks add their rule to it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workload: Workload,
        cluster: EcsClusterStack,
        earlier: Mapping[str, EcsServiceStack],
    ) -> None:
        """Builds the stack.

        Args:
            scope: the app.
            construct_id: Ecs-<name>.
            workload: the service and what is around it.
            cluster: the cluster's stack.
            earlier: the service stacks that deploy before this one, by service name. Rules between two services go to
                the later of their stacks, so even services that call each other cause no cycle.
        """
        spec = workload.spec
        super().__init__(
            scope,
            construct_id,
            settings=workload.settings,
            description=f"{workload.settings.prefix}: {spec.name} on ECS Fargate",
            key=cluster.key,
            synthesizer=ServiceSynthesizer(settings=workload.settings, service=spec.name, platform=Platform.ECS),
        )
        self.workload = workload
        workload.note_data(self)
        workload.note_queues(self)
        group = create_security_group(self, vpc=cluster.vpc, service=spec.name, egress=spec.egress)
        self.security_group_id = group.security_group_id
        self._open_declared_calls(earlier)
        extra = workload.extra_service(
            self, platform=Platform.ECS, vpc=cluster.vpc, security_group_id=self.security_group_id
        )
        if extra:
            extra.run("add")
        on_ecs = EcsWorkload(
            workload=workload,
            cluster=cluster,
            security_group_id=self.security_group_id,
            task=FargateTask(self, "Task", workload=workload),
        )
        self.share(self.security_group_id)
        # "Default" is left out of logical ids.
        inner = isinstance(spec, HttpService) and not spec.routed
        construct = InnerServiceOnEcs if inner else KINDS[type(spec)]
        construct(self, "Default", on_ecs=on_ecs)
        if extra:
            extra.run("change")

    def _open_declared_calls(self, earlier: Mapping[str, EcsServiceStack]) -> None:
        for peer in earlier.values():
            for caller, callee in ((self, peer), (peer, self)):
                if callee.workload.spec.name in caller.workload.spec.calls:
                    self._open_call(caller, callee)

    def _open_call(self, caller: EcsServiceStack, callee: EcsServiceStack) -> None:
        catalog = self.workload.catalog
        one, other = caller.workload.spec.name, callee.workload.spec.name
        called = catalog.http_service(other)
        for port in called.ports:
            private = port == called.private_port
            open_port(
                self,
                f"{one}-{other}" + (".private" if private else ""),
                source=caller.security_group_id,
                target=callee.security_group_id,
                port=port,
                description=f"{one} to {other}" + (", private port" if private else ""),
            )
