"""Names and certificates below the environment's domain: `ecs.<domain>` and `eks.<domain>`."""

from __future__ import annotations

from aws_cdk import aws_certificatemanager, aws_route53
from constructs import Construct

from config.settings import Domain


class DomainName(Construct):
    """One host name of the domain.

    Attributes:
        host: the full name, e.g. ecs.harbour.example.com.
        zone: the existing hosted zone that gets its record; nothing is looked up.
        certificate: validated through DNS in that zone.
    """

    def __init__(self, scope: Construct, construct_id: str, *, domain: Domain, label: str) -> None:
        super().__init__(scope, construct_id)
        self.host = f"{label}.{domain.name}"
        self.zone = aws_route53.HostedZone.from_hosted_zone_attributes(
            self, "HostedZone", hosted_zone_id=domain.hosted_zone_id, zone_name=domain.name
        )
        self.certificate = aws_certificatemanager.Certificate(
            self,
            "Certificate",
            domain_name=self.host,
            validation=aws_certificatemanager.CertificateValidation.from_dns(self.zone),
        )
