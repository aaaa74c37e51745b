"""S3 buckets."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from config.fields.keys import KEY_ARN, KEY_EXAMPLE
from config.model import Model, Pattern, fault

KEPT_VERSIONS_DAYS: Final = 35
"""How long what is overwritten or deleted can be brought back: as long as a table can be restored to any second
(RecoveryPeriodInDays in CloudFormation's schema of a table)."""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_NAME = Pattern(r"[a-z0-9][a-z0-9-]*[a-z0-9]", "a bucket's name, without dots", "orders-archive", 63, 3)


class Bucket(Model):
    """The service's own S3 bucket, or one that exists. Write `bucket: {}` for one with the defaults."""

    existing: Annotated[str, _BUCKET_NAME] | None = Field(
        None, description="Name of a bucket that somebody else owns, instead of a new one.", examples=["orders-archive"]
    )
    expire_days: int | None = Field(
        None, ge=1, le=3650, description="Days after which an object is deleted; never by default.", examples=[30]
    )
    versions: bool = Field(
        True,
        description=f"Whether what is overwritten or deleted is kept for {KEPT_VERSIONS_DAYS} more days.",
        examples=[False],
    )
    kms_key: Annotated[str, KEY_ARN] | None = Field(
        None, description="ARN of an existing bucket's KMS key, if that is not S3's own.", examples=[KEY_EXAMPLE]
    )

    @model_validator(mode="after")
    def _check_owner(self) -> Self:
        if self.kms_key and not self.existing:
            raise fault("is for existing buckets; others are under the environment's key", "remove it", field="kms_key")
        for field in ("expire_days", "versions"):
            if self.existing and field in self.model_fields_set:
                problem = "cannot be set on a bucket that somebody else owns"
                remedy = "remove it, and set it where the bucket is made"
                raise fault(problem, remedy, field=field)
        return self
