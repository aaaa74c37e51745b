"""The rights to fetch a service's secrets, and how ECS names them."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Aws, aws_iam

from config.fields.secrets import SecretSource
from stacks.acknowledgements import acknowledge
from stacks.permissions import allow, via

# Where each of a manifest's sources keeps its values: the service's name, and the key of the encryption context that it sets.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html and
# https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html
_CONTEXTS = {"secretsmanager": "SecretARN", "ssm": "PARAMETER_ARN"}


def grant_secrets(role: aws_iam.Role, sources: Mapping[str, SecretSource], *, read_secret: list[str]) -> dict[str, str]:
    """Lets a role read secrets and parameters, with the calls of whoever fetches them on the platform.

    CDK's own grants hold more: they also describe secrets, list parameters and read parameters' history.

    Args:
        role: the role of whoever fetches them.
        sources: where the values come from, by variable.
        read_secret: the calls that it makes to Secrets Manager; from Parameter Store both platforms get several at once.

    Returns:
        How a task definition names the value of each variable.
    """
    by_variable = dict(sorted(sources.items(), key=lambda item: (item[1].ssm is not None, item[0])))
    for source in _each_once(by_variable).values():
        if source.ssm:
            allow(role, ["ssm:GetParameters"], _arn(source))
        else:
            # The suffix that Secrets Manager adds to every name.
            allow(role, read_secret, f"{_arn(source)}-??????")
    _let_decrypt(role, _each_once(by_variable))
    return {variable: _value_from(source) for variable, source in by_variable.items()}


def _each_once(sources: Mapping[str, SecretSource]) -> dict[str, SecretSource]:
    """One source for each secret or parameter: several variables may come from one."""
    found: dict[str, SecretSource] = {}
    for source in sources.values():
        found.setdefault(_pattern(source), source)
    return found


def _arn(source: SecretSource) -> str:
    if source.ssm:
        return f"arn:{Aws.PARTITION}:ssm:{Aws.REGION}:{Aws.ACCOUNT_ID}:parameter{source.ssm}"
    return f"arn:{Aws.PARTITION}:secretsmanager:{Aws.REGION}:{Aws.ACCOUNT_ID}:secret:{source.secrets_manager}"


def _value_from(source: SecretSource) -> str:
    """The ARN, with key, stage and version id behind it if the manifest names one of them.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    if not (source.key or source.version):
        return _arn(source)
    return f"{_arn(source)}:{source.key or ''}:{source.stage or ''}:{source.version_id or ''}"


def _let_decrypt(role: aws_iam.Role, sources: Mapping[str, SecretSource]) -> None:
    """A secret may be under a key of the account's own, whose key policy leaves the right to use it to IAM.

    Where the manifest does not name the key, the statements limit the use of any to the service's own secrets, through
    whatever keeps them.
    """
    for keeper, context in _CONTEXTS.items():
        by_key: dict[str | None, list[str]] = {}
        for pattern, source in sources.items():
            if bool(source.ssm) == (keeper == "ssm"):
                by_key.setdefault(source.kms_key, []).append(pattern)
        for key, patterns in sorted(by_key.items(), key=lambda item: item[0] or ""):
            arn = key or _any_key(Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID)
            _let_decrypt_via(role, keeper, key=arn, context=context, patterns=sorted(patterns))
    if any(source.kms_key is None for source in sources.values()):
        key = _any_key("<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{key}]": "The key of a secret is its owner's choice. The statement allows "
                "only to decrypt, only this service's secrets, and only through the services that keep them."
            },
        )


def _let_decrypt_via(role: aws_iam.Role, keeper: str, *, key: str, context: str, patterns: list[str]) -> None:
    """Lets a role decrypt what the keeper encrypted with one of the ARNs in its encryption context."""
    role.add_to_policy(
        aws_iam.PolicyStatement(
            actions=["kms:Decrypt"],
            resources=[key],
            conditions={
                "StringEquals": via(keeper),
                "StringLike": {f"kms:EncryptionContext:{context}": patterns},
            },
        )
    )


def _pattern(source: SecretSource) -> str:
    """What the source's ARN matches in the encryption context.

    It leaves out the ARN's beginning, which the key's own ARN and the keeper's address hold already: whole ARNs would leave a
    role's policies room for half as many secrets.
    """
    return f"*:parameter{source.ssm}" if source.ssm else f"*:secret:{source.secrets_manager}-??????"


def _any_key(partition: str, region: str, account: str) -> str:
    return f"arn:{partition}:kms:{region}:{account}:key/*"
