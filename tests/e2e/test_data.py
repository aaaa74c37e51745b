"""A container keeps data in what its manifest declares, and has its secrets: `make up` with one service of the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ops.local import engine as engines
from ops.local.placeholders import PLACEHOLDER
from tests.e2e.local import Local

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-data")]


@pytest.fixture(scope="module")
def local(root: Path, tmp_path_factory: pytest.TempPathFactory, engine: engines.Engine) -> Iterator[Local]:
    copy = Local.copy(root, tmp_path_factory.mktemp("e2e-data") / "project", engine)
    shutil.rmtree(copy.folder / "services")
    shutil.copytree(root / "tests" / "e2e" / "depot", copy.folder / "services" / "depot")
    yield copy
    copy.ops("down", "--images")


@pytest.fixture(scope="module")
def answer(local: Local) -> dict[str, object]:
    up = local.ops("up")
    assert up.code == 0, up.out + up.err
    response = requests.get(local.url("/"), timeout=60)
    found: dict[str, object] = response.json()
    assert response.status_code == 200, found
    return found


def test_an_object_that_the_container_wrote_is_in_its_bucket(local, answer):
    assert (answer["object"], answer["objects"]) == ("written by the container", ["folder/hello.txt"])
    [name] = [b["Name"] for b in local.target.client("s3").list_buckets()["Buckets"] if "bucketdepot" in b["Name"]]
    stored = local.target.client("s3").get_object(Bucket=name, Key="folder/hello.txt")
    assert stored["Body"].read() == b"written by the container"


def test_further_tables_their_indexes_and_a_stream_work(answer):
    assert answer["events"] == [{"id": "1", "at": "2026", "kind": "arrival"}]
    assert answer["stream"] == "INSERT"


def test_a_table_that_exists_on_aws_is_there_locally(local, answer):
    assert answer["orders"] == [{"id": "7", "customer": "ada"}]
    assert "orders-prod" in local.target.client("dynamodb").list_tables()["TableNames"]


def test_keys_and_versions_of_secrets_and_parameters_reach_the_variables(answer):
    assert answer["secrets"] == dict.fromkeys(("DB_USER", "DB_PASSWORD", "OLD_PASSWORD", "TOKEN"), PLACEHOLDER)
