"""Sizes of what one service becomes: upper bounds computed from its manifest, with the longest region and account names.

A test checks that no template is larger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from config.service import HttpService, ServiceSpec, Worker, env_name, queue_variable

_FIXED_TASK_DEFINITION: Final = 4096  # a task definition without variables and secrets
_FIXED_OBJECTS: Final = 16_384  # a service's Kubernetes objects without what is counted below, as they are in the event
_INGRESS: Final = 2048  # another Ingress, of a further path or host
_FIXED_SIDECAR: Final = 2048  # a sidecar without what its manifest says
_FIXED_POLICY: Final = 2048  # a role's statements other than those for secrets
_KEY_STATEMENT: Final = 1024  # two statements that let decrypt with one key: of secrets and of parameters
_LONGEST_ARN: Final = "arn:aws-us-gov:secretsmanager:ap-southeast-1:123456789012:secret:-123456"
_BUCKET_STATEMENTS: Final = 1024  # to list it, for its objects, and for its key
_LONGEST_TABLE_NAME: Final = 255
_TABLE_NAME: Final = 150  # of the names that CloudFormation makes, in practice about 80
_LONGEST_QUEUE: Final = 160  # an address: a host, an account and a name of 80 characters; an ARN is shorter
_QUEUE_STATEMENTS: Final = 1024  # a role's statements for queues and their key, without the queues' ARNs


def policy_size(spec: ServiceSpec, services: Iterable[ServiceSpec] = ()) -> int:
    """Upper bound for the characters in the inline policies of a role that reads the secrets and does all else.

    Args:
        spec: the service.
        services: all, as some of those that it sends to may have queues under keys of others.
    """
    return _FIXED_POLICY + secrets_size(spec) + data_size(spec) + rights_size(spec) + queues_size(spec, services)


def secrets_size(spec: ServiceSpec) -> int:
    """Of the statements for secrets and their keys."""
    statement = 20  # an ARN's share of the statements; CDK splits them at about a dozen ARNs
    # A name is also in a condition on the secret's key, within a pattern.
    names = {(s.secrets_manager, s.ssm): s.name for s in spec.secrets.values()}.values()
    patterns = sum(len(name) + len('"*:parameter-??????",') for name in names)
    keys = _KEY_STATEMENT * len({s.kms_key for s in spec.secrets.values() if s.kms_key})
    return keys + patterns + sum(len(_LONGEST_ARN) + len(name) + statement for name in names)


def data_size(spec: ServiceSpec) -> int:
    """Of the statements for tables and a bucket; _FIXED_POLICY has those for one table without indexes."""
    size = _BUCKET_STATEMENTS if spec.bucket else 0
    for table in spec.all_tables.values():
        arn = len("arn:aws-us-gov:dynamodb:ap-southeast-1:123456789012:table/,") + len(
            table.existing or "t" * _TABLE_NAME
        )
        size += arn + sum(arn + len(f"/index/{name}") for name in table.indexes)
        size += (arn + 150 if table.stream else 0) + (_KEY_STATEMENT if table.kms_key else 0)
    return size


def rights_size(spec: ServiceSpec) -> int:
    """Of the statements that the manifest has itself."""
    return sum(statement.size for statement in spec.rights)


def queues_size(spec: ServiceSpec, services: Iterable[ServiceSpec] = ()) -> int:
    """Of the statements for queues and their keys; `services` as in `policy_size`."""
    if not spec.queues:
        return 0
    used = [other.queue for other in (spec, *services) if isinstance(other, Worker) and other.name in spec.queues]
    keys = {queue.kms_key for queue in used if queue and queue.kms_key}
    return _QUEUE_STATEMENTS + _LONGEST_QUEUE * len(spec.queues) + _KEY_STATEMENT * len(keys)


def task_definition_size(spec: ServiceSpec) -> int:
    """Upper bound for the bytes of the task definition."""
    entries = [{"name": name, "value": value} for name, value in _variables(spec)]
    entries += [{"name": n, "valueFrom": arn} for n, arn in zip(sorted(spec.secrets), _secret_arns(spec), strict=True)]
    return _FIXED_TASK_DEFINITION + sum(len(json.dumps(entry)) + 1 for entry in entries) + _sidecars_size(spec)


def kubectl_event_size(spec: ServiceSpec, callers: int) -> int:
    """Upper bound for the bytes of the event that updates the Kubernetes objects; it contains them twice."""
    entries = [json.dumps({"name": name, "value": value}) for name, value in _variables(spec)]
    variables = sum(len(json.dumps(entry)) for entry in entries)
    # A name is in the environment, in the SecretProviderClass and in its Secret; nested quotes are escaped.
    secrets = sum(
        600 + 6 * len(name) + len(arn) for name, arn in zip(sorted(spec.secrets), _secret_arns(spec), strict=True)
    )
    ports, ingresses = (len(spec.ports), len(spec.routes)) if isinstance(spec, HttpService) else (1, 1)
    peers = 300 * len(spec.calls) + 180 * callers * ports + 150 * sum(destination.rules for destination in spec.egress)
    return 2 * (_FIXED_OBJECTS + variables + secrets + peers + _INGRESS * max(0, ingresses - 1) + _sidecars_size(spec))


def _sidecars_size(spec: ServiceSpec) -> int:
    """Upper bound for the bytes of the sidecars, in a task definition or in an object: quotes may be escaped in both."""
    arns = dict(zip(sorted(spec.secrets), _secret_arns(spec), strict=True))
    return sum(
        _FIXED_SIDECAR
        + 2 * len(json.dumps(sidecar.model_dump(mode="json")))
        + sum(100 + 2 * len(secret) + len(arns[secret]) for secret in sidecar.secrets)
        + sum(250 + 2 * len(name) for name in (*sidecar.environment, *sidecar.folders))
        for name, sidecar in spec.sidecars.items()
    )


def _variables(spec: ServiceSpec) -> Iterable[tuple[str, str]]:
    """The container's variables whose number or length depends on the manifest."""
    yield from spec.environment.items()
    for callee in spec.calls:
        yield f"{env_name(callee)}_ADDRESS", f"http://{callee}:65535"
        yield f"{env_name(callee)}_PRIVATE_URL", f"http://{callee}:65535"
    for variable, table in spec.all_tables.items():
        yield variable, "t" * _LONGEST_TABLE_NAME
        if table.stream:
            yield f"{variable}_STREAM", "s" * (_LONGEST_TABLE_NAME + 100)
    if spec.bucket:
        yield spec.bucket_variable, "b" * 63
    for worker in spec.queues:
        yield queue_variable(worker), "q" * _LONGEST_QUEUE


def _secret_arns(spec: ServiceSpec) -> list[str]:
    """The longest ARN that each secret can have, with its key and version, by variable; a parameter's is shorter."""
    sources = [source for _, source in sorted(spec.secrets.items())]
    return [f"{_LONGEST_ARN}{source.name}:{source.key or ''}:{source.version or ''}:" for source in sources]
