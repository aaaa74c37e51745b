"""What every module has that deploys a project of its own to the emulator; each has a `local` of its own."""

from __future__ import annotations

import pytest

from ops.local import engine as engines
from tests.e2e.local import Local, Run


@pytest.fixture(scope="module")
def engine() -> engines.Engine:
    found = engines.find()
    if found is None:
        pytest.skip("no container engine that can build answers: `python -m ops engine` finds or starts one")
    return found


@pytest.fixture(scope="module")
def up(local: Local) -> Run:
    """`make up`, once."""
    return local.ops("up")


@pytest.fixture
def running(local: Local, up: Run) -> Local:
    """The deployment, after a `make up` that succeeded."""
    assert up.code == 0, up.out + up.err
    return local
