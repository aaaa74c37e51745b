"""An http service on EKS: reachable by name for the services that call it, and behind the load balancer if it has a path."""

from __future__ import annotations

from constructs import Construct

from config.service import HttpService
from stacks.address import create_url_output
from stacks.eks.workload import EksWorkload, watch_restarts
from stacks.kubernetes.http_service_objects import HttpServiceObjects
from stacks.narrow import narrow


class HttpServiceOnEks(Construct):
    """Deployment, Service, Ingresses and alarms."""

    def __init__(self, scope: Construct, construct_id: str, *, on_eks: EksWorkload) -> None:
        super().__init__(scope, construct_id)
        self._on_eks = on_eks
        self._spec = narrow(on_eks.workload.spec, HttpService)
        on_eks.apply(self, HttpServiceObjects(spec=self._spec, around=on_eks.surroundings).groups())
        if on_eks.watched:
            self._watch()
        create_url_output(self, self._spec, on_eks.cluster.url)

    def _watch(self) -> None:
        alarms = self._on_eks.create_alarms(self)
        watch_restarts(alarms, self._on_eks)
        alarms.below(
            "Running",
            self._on_eks.metric("service_number_of_running_pods", "Minimum", Service=self._spec.name),
            self._spec.scaling.min,
            periods=5,
            description=f"{self._spec.name} on EKS runs fewer pods than its minimum",
        )
