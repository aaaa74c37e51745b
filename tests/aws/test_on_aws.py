"""The half of the walk that only an account can run, as far as it can be tried without one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aws import __main__ as command
from tests.aws.deployment import OnAws
from tests.e2e.local import Local

OVERRIDES = {"app": "verify1234", "removal": "disposable"}


class FakeAws:
    """Answers the calls that OnAws makes."""

    def __init__(self, pages: dict[str, list[dict[str, Any]]]) -> None:
        self._pages = pages

    def get_paginator(self, operation: str) -> FakePages:
        return FakePages(self._pages.get(operation, []))

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - as boto3 calls it
        output = {"OutputKey": "Url", "OutputValue": f"http://{StackName}.example"}
        return {"Stacks": [{"StackName": StackName, "Outputs": [output]}]}

    def describe_key(self, *, KeyId: str) -> dict[str, Any]:  # noqa: N803 - as boto3 calls it
        return {"KeyMetadata": {"KeyState": "PendingDeletion" if "going" in KeyId else "Enabled"}}


class FakePages:
    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = pages

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return self._pages


def on_aws(root, monkeypatch, **pages):
    monkeypatch.setattr(OnAws, "client", lambda _self, _service: FakeAws(pages))
    return OnAws(root, "sandbox", OVERRIDES)


def test_the_cli_deploys_under_the_walks_own_name(root, tmp_path):
    copy = Local.copy(root, tmp_path / "project", engine=None)  # type: ignore[arg-type]
    listed = OnAws(copy.folder, "sandbox", OVERRIDES)._cdk("list", "--long")
    assert listed.code == 0, listed.err
    assert "name: verify1234-sandbox-Ecs-web" in listed.out
    assert "harbour" not in listed.out


def test_addresses_come_from_the_stacks_outputs(root, monkeypatch):
    addresses = on_aws(root, monkeypatch).health_addresses()
    assert addresses["Ecs-web"] == "http://verify1234-sandbox-Ecs-web.example/healthz"
    assert addresses["Eks-tracking"] == "http://verify1234-sandbox-Eks-tracking.example/healthz"


def test_what_is_left_is_found_by_tag_and_by_name_without_keys_that_are_being_deleted(root, monkeypatch):
    tagged = [
        "arn:aws:kms:eu-west-1:1:key/going",
        "arn:aws:kms:eu-west-1:1:key/kept",
        "arn:aws:ecr:eu-west-1:1:repository/x",
    ]
    left = on_aws(
        root,
        monkeypatch,
        get_resources=[{"ResourceTagMappingList": [{"ResourceARN": arn} for arn in tagged]}],
        describe_log_groups=[
            {"logGroups": [{"logGroupName": "/aws/eks/verify1234-sandbox/cluster"}, {"logGroupName": "/other"}]}
        ],
    ).leftovers()
    assert left == ["/aws/eks/verify1234-sandbox/cluster", tagged[2], tagged[1]]


def test_nothing_is_deployed_without_a_yes(monkeypatch, capsys):
    monkeypatch.setattr(command, "caller_account", lambda: "123456789012")
    monkeypatch.setattr("builtins.input", lambda _: "no")
    monkeypatch.setattr(command.pytest, "main", lambda _: pytest.fail("it went on"))
    monkeypatch.setattr("sys.argv", ["tests.aws", "--env", "sandbox"])
    assert command.main() == 2
    assert "account 123456789012" in capsys.readouterr().out
