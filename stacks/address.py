"""The address of a service, as its stack's output shows it."""

from __future__ import annotations

from aws_cdk import CfnOutput
from constructs import Construct

from config.service import HttpService


def create_url_output(scope: Construct, spec: HttpService, entrance: str) -> None:
    """Shows where a service answers: on its own host, whose DNS record is the user's, or at the load balancer's address.

    Args:
        scope: the construct of the kind.
        spec: the service; one that has no address gets no output.
        entrance: the load balancer's own address, with http or https.
    """
    route = spec.address
    if route is None:
        return
    origin = f"{entrance.partition('://')[0]}://{route.host}" if route.host else entrance
    CfnOutput(scope, "Url", value=f"{origin}{route.path}", description=spec.description)
