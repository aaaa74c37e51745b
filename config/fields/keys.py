"""KMS keys of the account's own, as manifests name them."""

from __future__ import annotations

from typing import Final

from config.model import Pattern

KEY_EXAMPLE: Final = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

KEY_ARN: Final = Pattern(
    r"arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+", "a key's own ARN", KEY_EXAMPLE, 256
)
"""Not of an alias: a statement that names one is about the alias itself.
https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html"""
