"""A `make up` that fails prints one line and leaves nothing running that it started."""

import errno
import io
import shutil
import signal

import pytest
from botocore.exceptions import EndpointConnectionError

from ops.errors import OpsError
from ops.local import engine as engines
from ops.local.project import Project
from ops.local.services import Placement
from ops.local.up import Guard, Up
from ops.say import Say
from tests.conftest import ROOT
from tests.fakes.aws import ENDPOINT
from tests.fakes.engine import FakeEngine
from tests.fakes.specs import http


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path, "sandbox", ENDPOINT)


@pytest.fixture
def engine(tmp_path):
    """Holds one container and one network of this emulator."""
    fake = FakeEngine(tmp_path / "engine")
    fake.answers("ps", "echo c1")
    fake.answers("network", '[ "$2" != ls ] || echo n1')
    return fake


@pytest.fixture(autouse=True)
def signals():
    """Restores the handlers, as a guard ignores Ctrl-C once it cleans up."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(project, engine, fault, *, started_here, out=None):
    with Guard(project, Say(out or io.StringIO())) as guard:
        guard.engine = engine.engine
        guard.started_here = started_here
        raise fault


def removed(engine):
    return [*engine.calls("rm"), *[call for call in engine.calls("network") if call.startswith("network rm")]]


ALL = ["rm -f -v c1", "network rm n1"]
FAULTS = [OpsError("x"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_run_that_started_the_emulator_takes_it_down_whatever_went_wrong(project, engine, fault):
    with pytest.raises(type(fault)):
        run(project, engine, fault, started_here=True)
    assert removed(engine) == ALL


def test_the_emulator_is_taken_down_even_if_the_pipe_is_closed(project, engine):
    class Closed(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(project, engine, BrokenPipeError(), started_here=True, out=Closed())
    assert removed(engine) == ALL


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_run_that_found_the_emulator_running_leaves_it(project, engine, fault):
    with pytest.raises(type(fault)):
        run(project, engine, fault, started_here=False)
    assert removed(engine) == []


def test_a_run_that_ends_well_leaves_everything(project, engine):
    with Guard(project, Say(io.StringIO())) as guard:
        guard.engine = engine.engine
        guard.started_here = True
    assert removed(engine) == []


def test_an_emulator_that_fails_is_named_with_its_log(project, engine):
    with pytest.raises(OpsError, match=r"^the emulator failed: Could not connect.*\(log: .*emulator\.log\)$"):
        run(project, engine, EndpointConnectionError(endpoint_url="x"), started_here=False)


class Failing:
    """Services that fail as the test says."""

    def __init__(self, faults):
        self._faults = faults

    def placements(self):
        return [Placement(http(name), "app", "definition", "service") for name in self._faults]

    def settle(self, placement):
        pass

    def wait(self, placement, since):
        if self._faults[placement.spec.name]:
            raise OpsError(self._faults[placement.spec.name])


def test_a_fault_that_services_share_is_reported_once(project):
    faults = {"tracking": "the disk is full", "quotes": "quotes: boom", "web": "the disk is full", "hello": ""}
    with pytest.raises(OpsError) as caught:
        Up(project, Say(io.StringIO()))._wait(Failing(faults), since=0)
    assert caught.value.message == "the disk is full; quotes: boom"


def test_a_wrong_kubeconfig_stops_before_anything_is_started(tmp_path, monkeypatch):
    for name in ("config", "services"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(engines, "ensure", lambda *_: pytest.fail("looked for an engine first"))
    out = io.StringIO()
    with pytest.raises(OpsError, match="there is no such file") as caught:
        Up(Project(tmp_path, "sandbox", ENDPOINT), Say(out)).run()
    assert caught.value.exit_code == 2
    assert out.getvalue() == ""
