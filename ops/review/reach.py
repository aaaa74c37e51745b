"""What can reach what, on one side of a comparison: read from the templates, both ends of each way together."""

from __future__ import annotations

from collections.abc import Mapping

from ops.assembly import Stack
from ops.references import Values
from ops.review.model import Reach
from ops.review.reach_data import Data
from ops.review.reach_graph import Graph, Resources
from ops.review.reach_groups import SecurityGroups
from ops.review.reach_ingress import Ingresses, api, balanced
from ops.review.reach_kubernetes import Cluster
from ops.review.reach_network import LoadBalancers, tasks
from ops.review.reach_paths import Paths


def reach(stacks: Mapping[str, Stack], values: Values) -> Reach:
    """What can reach what.

    Args:
        stacks: the stacks of the side by id.
        values: what follows their references.
    """
    return survey(stacks, values).reach()


def survey(stacks: Mapping[str, Stack], values: Values) -> Graph:
    """The same with the rules behind each word of each edge."""
    graph = Graph(Resources(stacks, values))
    groups = SecurityGroups(graph.resources)
    services = tasks(graph, groups)
    balancers = LoadBalancers(graph, groups, services)
    cluster = Cluster(graph)
    ingresses = Ingresses(graph, cluster)
    endpoints = [*services.values(), *cluster.pods]
    entrances = [one.endpoint for one in balancers.entrances.values()]
    paths = Paths(graph, endpoints, cluster.namespaces, known={key for one in entrances for key in one.groups})
    paths.between()
    balancers.connect(paths)
    ingresses.connect(paths)
    for endpoint in endpoints:
        paths.outside(endpoint, ingresses.networks if endpoint.namespace else (), ingresses.told)
    balanced(graph, cluster, paths)
    api(graph)
    groups.unused(graph, {key for one in [*endpoints, *entrances] for key in one.groups})
    data = Data(graph)
    data.connect()
    data.public()
    return graph
