"""How the Secrets Store CSI driver fetches a service's secrets: each once, whatever number of variables come from it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from config.fields.secrets import SecretSource
from stacks.kubernetes.objects import KubernetesObject


def secret_provider_spec(name: str, sources: Mapping[str, SecretSource]) -> KubernetesObject:
    """What is fetched with the pod's own role, and the Secret that it is kept in.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/ascp-pod-identity-integration.html

    Args:
        name: of the Secret.
        sources: where the values come from, by variable.
    """
    fetched: dict[tuple[str, str | None], dict[str, SecretSource]] = {}
    for variable, source in sorted(sources.items()):
        kind = "secretsmanager" if source.secrets_manager else "ssmparameter"
        fetched.setdefault((f"{kind}:{source.name}", source.version), {})[variable] = source
    files: dict[str, str] = {}
    objects = []
    for variables in fetched.values():
        objects.append(_object(variables))
        files |= _files(variables)
    data = [{"objectName": file, "key": variable} for variable, file in sorted(files.items())]
    return {
        "provider": "aws",
        "parameters": {"usePodIdentity": "true", "objects": json.dumps(objects)},
        "secretObjects": [{"secretName": name, "type": "Opaque", "data": data}],
    }


def _object(variables: Mapping[str, SecretSource]) -> KubernetesObject:
    """One secret as the provider fetches it.

    One parameter twice would get one of the two files only: the provider finds it again by its name.
    https://github.com/aws/secrets-store-csi-driver-provider-aws/blob/main/provider/parameter_store_provider.go
    """
    source = next(iter(variables.values()))
    whole = next((name for name, each in variables.items() if not each.key), None)
    # A dot, which no variable has: the names of all files must differ.
    found: KubernetesObject = {
        "objectName": source.name,
        "objectType": "secretsmanager" if source.secrets_manager else "ssmparameter",
        "objectAlias": whole or f"{next(iter(variables))}.json",
    }
    if source.version_id:
        found["objectVersion"] = source.version_id
    if source.stage:
        found["objectVersionLabel"] = source.stage
    # In quotes, a key with a hyphen or a dot is one name: https://jmespath.org/specification.html
    keys = [{"path": json.dumps(each.key), "objectAlias": name} for name, each in variables.items() if each.key]
    if keys:
        found["jmesPath"] = keys
    return found


def _files(variables: Mapping[str, SecretSource]) -> dict[str, str]:
    """The file that holds the value of each variable."""
    whole = next((name for name, each in variables.items() if not each.key), "")
    return {name: name if each.key else whole for name, each in variables.items()}
