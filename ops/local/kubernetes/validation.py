"""Validates objects against the schemas of a Kubernetes version, where there is no cluster to apply them to."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from ops.errors import OpsError
from ops.local.kubernetes.kubectl import group_of
from ops.local.kubernetes.objects import Object
from ops.local.outcome import Validated

CUSTOM_GROUPS = ("secrets-store.csi.x-k8s.io", "eks.amazonaws.com", "karpenter.sh")


def validate(objects: Iterable[Object], version: str, *, refused_by_own: str = "") -> Validated:
    """Validate strictly.

    Args:
        objects: what to validate.
        version: the Kubernetes version, e.g. 1.36.
        refused_by_own: why the emulator's own cluster refused them; goes into the outcome.

    Raises:
        OpsError: for the first object that breaks its schema.
    """
    validator = importlib.import_module("kubernetes_validate")
    checked = without_schema = 0
    for item in objects:
        if group_of(str(item.get("apiVersion", ""))) in CUSTOM_GROUPS:
            without_schema += 1
            continue
        try:
            validator.validate(item, version, strict=True)
        except Exception as error:
            name = f"{item.get('kind')}/{item.get('metadata', {}).get('name')}"
            raise OpsError(f"Kubernetes {version} would refuse {name}: {str(error).splitlines()[0]}") from error
        checked += 1
    return Validated(version, checked, without_schema, refused_by_own)
