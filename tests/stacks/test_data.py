"""What services keep data in, and what their roles may do with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config.service import ServiceSpec
from config.settings import Platform, Removal
from tests.stacks.templates import Assembly, Resource, Statement

ACCOUNT = "<AWS::Partition>:s3:::"


def stacks_of(spec: ServiceSpec) -> list[str]:
    return [f"{platform.value.title()}-{spec.name}" for platform in spec.platforms]


def allowed(assembly: Assembly, stack: str, service: str) -> Iterator[Statement]:
    """The statements of a stack's roles about an AWS service, or about keys through it."""
    for role in assembly.roles():
        if role.stack == stack:
            for statement in assembly.statements(role):
                through = str(statement.conditions.get("StringEquals", {}).get("kms:ViaService"))
                if f"{service}." in through or any(action.startswith(f"{service}:") for action in statement.actions):
                    yield statement


def own_buckets(assembly: Assembly) -> dict[str, Resource]:
    """By service."""
    buckets = assembly.resources("AWS::S3::Bucket", stack="State")
    owners = [spec for spec in assembly.catalog.services if spec.bucket and not spec.bucket.existing]
    assert len(buckets) == len(owners)
    return {s.name: next(b for b in buckets if b.id.startswith(f"Bucket{s.name.replace('-', '')}")) for s in owners}


# --- buckets ---


def test_a_bucket_is_private_takes_only_tls_and_has_no_access_lists(corners):
    for bucket in own_buckets(corners).values():
        assert bucket["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        [policy] = [p for p in corners.resources("AWS::S3::BucketPolicy", stack="State") if p["Bucket"] == bucket.ref]
        refused = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert [s["Condition"] for s in refused] == [{"Bool": {"aws:SecureTransport": "false"}}]
        assert refused[0]["Action"] == "s3:*"


def test_a_bucket_is_encrypted_with_the_environments_key(corners):
    [key] = corners.resources("AWS::KMS::Key", stack="Foundation")
    for bucket in own_buckets(corners).values():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"KMSMasterKeyID": key.att("Arn"), "SSEAlgorithm": "aws:kms"}
        assert rule["BucketKeyEnabled"] is True


def test_objects_expire_and_versions_are_kept_as_the_manifest_says(corners):
    for name, bucket in own_buckets(corners).items():
        declared = corners.catalog.service(name).bucket
        assert bucket.get("VersioningConfiguration") == ({"Status": "Enabled"} if declared.versions else None)
        [rule] = bucket["LifecycleConfiguration"]["Rules"]
        assert rule.get("ExpirationInDays") == declared.expire_days
        kept = rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
        assert kept == (35 if declared.versions else None)
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert {spec.bucket.versions for spec in corners.catalog.services if spec.bucket} == {True, False}


def test_a_bucket_is_emptied_only_where_it_is_disposable(corners):
    assert corners.settings.removal is Removal.DISPOSABLE
    emptied = {r["BucketName"] for r in corners.resources("Custom::S3AutoDeleteObjects", stack="State")}
    assert emptied == {bucket.ref for bucket in own_buckets(corners).values()}


def test_only_its_own_service_reads_and_writes_a_bucket(corners):
    reached: dict[str, set[str]] = {}
    for role in corners.roles():
        for statement in corners.statements(role):
            if any(action in {"s3:PutObject", "s3:ListBucket"} for action in statement.actions):
                for resource in statement.resources:
                    reached.setdefault(resource.removesuffix("/*"), set()).add(role.stack)
    wanted = {
        f"arn:{ACCOUNT}{bucket.ref}": set(stacks_of(corners.catalog.service(name)))
        for name, bucket in own_buckets(corners).items()
    }
    for spec in corners.catalog.services:
        if spec.bucket and spec.bucket.existing:
            wanted[f"arn:{ACCOUNT}{spec.bucket.existing}"] = set(stacks_of(spec))
    assert {arn: stacks for arn, stacks in reached.items() if stacks <= set().union(*wanted.values())} == wanted


def test_a_service_lists_a_bucket_and_reads_writes_and_deletes_its_objects(corners):
    for stack in stacks_of(corners.catalog.service("depot")):
        [bucket] = [s for s in allowed(corners, stack, "s3") if "s3:ListBucket" in s.actions]
        [objects] = [s for s in allowed(corners, stack, "s3") if "s3:PutObject" in s.actions]
        assert bucket.actions == ("s3:ListBucket",)
        assert set(objects.actions) == {
            "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"
        }  # fmt: skip
        assert objects.resources == (f"{bucket.resources[0]}/*",)


def test_a_bucket_that_is_kept_passes_the_review_too(synthesis):
    """Its name reads otherwise in a strong reference, and so does the acknowledgement."""
    assembly = synthesis.assembly("production-data")
    assert assembly.findings() == []
    [bucket] = own_buckets(assembly).values()
    assert (bucket.deletion_policy, bucket["VersioningConfiguration"]) == (
        "RetainExceptOnCreate",
        {"Status": "Enabled"},
    )
    assert assembly.resources("Custom::S3AutoDeleteObjects", stack="State") == []


@pytest.mark.parametrize("name", ["production-data", "corners"])
def test_a_service_is_deployed_after_its_data(synthesis, name):
    assembly = synthesis.assembly(name)
    seen = 0
    for spec in assembly.catalog.services:
        for stack in stacks_of(spec) if spec.keeps_data else ():
            assert "State" in {d.partition(".")[0].rpartition("-")[2] for d in assembly.stacks[stack]["dependencies"]}
            seen += 1
    assert seen


# --- tables and buckets of others ---


def test_nothing_is_made_for_what_exists_and_its_keys_are_named(corners):
    spec = corners.catalog.service("pier")
    templates = str([corners.templates[name] for name in ("State", *stacks_of(spec))])
    assert "Tablepier" not in templates
    assert "Bucketpier" not in templates
    for stack in stacks_of(spec):
        keys = {r for s in allowed(corners, stack, "dynamodb") if "kms:Decrypt" in s.actions for r in s.resources}
        [own] = corners.resources("AWS::KMS::Key", stack="Foundation")
        assert keys == {spec.table.kms_key, own.att("Arn")}  # its third table, which is its own, is under the latter
        [bucket_key] = [s for s in allowed(corners, stack, "s3") if "kms:Decrypt" in s.actions]
        assert bucket_key.resources == (spec.bucket.kms_key,)
        assert set(bucket_key.actions) == {"kms:Decrypt", "kms:GenerateDataKey"}


# --- indexes and streams ---


@pytest.mark.parametrize("platform", list(Platform))
def test_an_index_is_only_read(corners, platform):
    for spec in (s for s in corners.services(platform) if any(t.indexes for t in s.all_tables.values())):
        stack = f"{platform.value.title()}-{spec.name}"
        [indexes] = [s for s in allowed(corners, stack, "dynamodb") if "/index/" in str(s.resources)]
        assert set(indexes.actions) == {"dynamodb:Query", "dynamodb:Scan"}
        named = [resource.rpartition("/")[2] for resource in indexes.resources]
        assert sorted(named) == sorted(name for table in spec.all_tables.values() for name in table.indexes)


def test_no_table_has_a_stream_unless_its_manifest_says_so(corners):
    assert all("StreamSpecification" not in t.properties for t in corners.resources("AWS::DynamoDB::Table"))


def test_a_stream_is_read_by_its_service_alone_which_gets_its_address(synthesis):
    assembly = synthesis.assembly("production-data")
    table = next(t for t in assembly.resources("AWS::DynamoDB::Table") if "StreamSpecification" in t.properties)
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    for stack in ("Ecs-ledger", "Eks-ledger"):
        [stream] = [s for s in allowed(assembly, stack, "dynamodb") if "dynamodb:GetRecords" in s.actions]
        assert set(stream.actions) == {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
        assert stream.resources == (table.att("StreamArn"),)
        assert "LEDGER_TABLE_STREAM" in assembly.text(stack)


# --- rights ---


def test_a_manifests_own_statements_are_on_the_roles_of_both_platforms_as_written(corners):
    spec = corners.catalog.service("depot")
    own = {"partition": "<AWS::Partition>", "region": "<AWS::Region>", "account": "<AWS::AccountId>"}
    for stack in stacks_of(spec):
        found = [s for role in corners.roles() if role.stack == stack for s in corners.statements(role)]
        for right in spec.rights:
            resources = tuple(resource.format(**own) for resource in right.resources)
            [statement] = [s for s in found if set(s.actions) == set(right.actions) and s.resources == resources]
            flat = {
                op: {k: v if isinstance(v, list) else [v] for k, v in keys.items()}
                for op, keys in statement.conditions.items()
            }
            assert flat == {op: {k: list(v) for k, v in keys.items()} for op, keys in right.conditions.items()}


def test_the_reason_of_a_wildcard_is_what_its_reviewer_reads(corners):
    reasons = "".join(file.read_text("utf-8") for file in corners.directory.glob("*.json"))
    for right in corners.catalog.service("depot").rights:
        assert not right.reason or f"The service's manifest says: {right.reason}." in reasons
