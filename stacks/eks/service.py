"""One service or job on Kubernetes: a stack that is deployed independently."""

from __future__ import annotations

from collections.abc import Mapping

from constructs import Construct

from config.service import HttpService, Job, ServiceSpec, Worker
from config.settings import Platform
from stacks.base import EnvironmentStack
from stacks.eks.cluster import EksClusterStack
from stacks.eks.http_service import HttpServiceOnEks
from stacks.eks.job import JobOnEks
from stacks.eks.worker import WorkerOnEks
from stacks.eks.workload import EksWorkload
from stacks.synthesizer import ServiceSynthesizer
from stacks.workload import Workload

# Kind of service to its construct on EKS.
KINDS: Mapping[type[ServiceSpec], type[HttpServiceOnEks | WorkerOnEks | JobOnEks]] = {
    HttpService: HttpServiceOnEks,
    Worker: WorkerOnEks,
    Job: JobOnEks,
}


class EksServiceStack(EnvironmentStack):
    """The stack Eks-<name>."""

    def __init__(self, scope: Construct, construct_id: str, *, workload: Workload, cluster: EksClusterStack) -> None:
        """Builds the stack.

        Args:
            scope: the app.
            construct_id: Eks-<name>.
            workload: the service and what is around it.
            cluster: the cluster's stack.
        """
        spec = workload.spec
        super().__init__(
            scope,
            construct_id,
            settings=workload.settings,
            description=f"{workload.settings.prefix}: {spec.name} on EKS",
            key=cluster.key,
            synthesizer=ServiceSynthesizer(settings=workload.settings, service=spec.name, platform=Platform.EKS),
        )
        workload.note_data(self)
        workload.note_queues(self)
        extra = workload.extra_service(self, platform=Platform.EKS, vpc=cluster.vpc)
        if extra:
            extra.run("add")
        on_eks = EksWorkload(
            workload=workload,
            cluster=cluster,
            image_uri=workload.add_image(self).uri,
            sidecar_images=workload.add_sidecar_images(self),
        )
        # "Default" is left out of logical ids.
        KINDS[type(spec)](self, "Default", on_eks=on_eks)
        if extra:
            extra.run("change")
