"""Whether pods can reach the emulator, and the variables that lead them there."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ops.errors import OpsError
from ops.local.emulator import bridge_gateway
from ops.local.engine import Engine
from ops.local.kubernetes.cluster import Cluster
from ops.local.kubernetes.delivery import is_own_address
from ops.local.kubernetes.objects import Object
from ops.local.target import Target

ENDPOINT_VARIABLE = "KUBERNETES_ENDPOINT"
EMULATOR_POLICY = "local-emulator"
_REACH_SECONDS = 20.0
_ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Endpoint:
    """The emulator's address for pods.

    Attributes:
        url: empty if pods cannot reach the emulator.
        reason: why not.
    """

    url: str = ""
    reason: str = ""

    def variables(self, target: Target) -> dict[str, str]:
        """The variables of a container that lead its SDK to the emulator."""
        if not self.url:
            return {}
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": target.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": target.region,
        }

    def policies(self, namespace: str) -> list[Object]:
        """Lets every pod reach the emulator: the services' own policies open only AWS's port 443."""
        if not self.url:
            return []
        parts = urlsplit(self.url)
        peer = {"ipBlock": {"cidr": _cidr(str(parts.hostname))}}
        egress = [{"to": [peer], "ports": [{"protocol": "TCP", "port": parts.port or 80}]}]
        return [
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": EMULATOR_POLICY, "namespace": namespace},
                "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": egress},
            }
        ]


def _cidr(host: str) -> str:
    """A policy knows addresses only; a name may be any."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _ANYWHERE
    return f"{address}/{address.max_prefixlen}"


def check_given(environ: Mapping[str, str]) -> str:
    """The address that the user gave for pods; empty if none. Raises OpsError, with exit code 2, if it is not one."""
    given = environ.get(ENDPOINT_VARIABLE, "")
    parts = urlsplit(given)
    if given and (parts.scheme != "http" or not parts.hostname or parts.path.strip("/")):
        raise OpsError(f"{ENDPOINT_VARIABLE}={given}: not an address; write http://ADDRESS:PORT", exit_code=2)
    return given


def for_pods(cluster: Cluster, environ: Mapping[str, str], *, engine: Engine, target: Target) -> Endpoint:
    """Where the pods of a cluster reach the emulator, which listens on this machine only."""
    if given := check_given(environ):
        return Endpoint(given)
    address = bridge_gateway(engine)
    url = f"http://{address}:{target.port}"
    if not cluster.given or (_on_this_machine(cluster) and is_own_address(address)):
        return Endpoint(url)
    if cluster.delivery.in_this_engine and cluster.nodes:
        node = str(cluster.nodes[0]["metadata"]["name"])
        if _reaches(engine, node, address, target.port):
            return Endpoint(url)
    return Endpoint(reason=f"its pods cannot reach the emulator on this machine; {ENDPOINT_VARIABLE} names another way")


def _on_this_machine(cluster: Cluster) -> bool:
    addresses = [entry for node in cluster.nodes for entry in node.get("status", {}).get("addresses", [])]
    return any(entry.get("type") == "InternalIP" and is_own_address(str(entry["address"])) for entry in addresses)


def _reaches(engine: Engine, node: str, address: str, port: int) -> bool:
    """Asked from inside a node, with what the images of kind, k3d and minikube have."""
    probe = f"bash -c '</dev/tcp/{address}/{port}' || nc -z -w 3 {address} {port} || curl -s -m 3 -o /dev/null {address}:{port}"
    return engine.run("exec", node, "sh", "-c", probe, timeout=_REACH_SECONDS).ok
