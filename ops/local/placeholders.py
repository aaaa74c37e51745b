"""Values for the secrets that manifests name, which on AWS an operator creates before the first deployment."""

from __future__ import annotations

from contextlib import suppress

from config.catalog import Catalog
from ops.local.target import Target

PLACEHOLDER = "local-placeholder"


def create(target: Target, catalog: Catalog) -> None:
    """Give every secret that a manifest names a value, unless it has one."""
    secrets_manager, ssm = target.client("secretsmanager"), target.client("ssm")
    for source in (source for spec in catalog.services for source in spec.secrets.values()):
        if source.secrets_manager:
            with suppress(secrets_manager.exceptions.ResourceExistsException):
                secrets_manager.create_secret(Name=source.secrets_manager, SecretString=PLACEHOLDER)
        elif source.ssm:
            with suppress(ssm.exceptions.ParameterAlreadyExists):
                ssm.put_parameter(Name=source.ssm, Value=PLACEHOLDER, Type="SecureString")
