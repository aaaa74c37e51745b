"""Fixtures of several modules: a project to break, a small cluster, and a machine without credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.local.kubernetes import rollout
from tests.fakes.kubectl import FakeCluster
from tests.fakes.kubernetes import LocalRun
from tests.fakes.specs import http
from tests.unit.config.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.at(tmp_path)


@pytest.fixture
def cluster(tmp_path: Path) -> FakeCluster:
    """A cluster that the tests' own kubectl talks to."""
    return FakeCluster(tmp_path / "cluster")


@pytest.fixture
def local(tmp_path: Path, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> LocalRun:
    """The Kubernetes half of `make up` with the service web, which does not pause between two looks."""
    monkeypatch.setattr(rollout, "POLL_SECONDS", 0.0)
    return LocalRun(tmp_path / "project", cluster, http("web"))


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No AWS credentials, wherever boto3 would look; only a region."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
