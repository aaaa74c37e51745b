"""What every test may ask for: the options, a clean environment, and cloud assemblies that are synthesized once a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.stacks.synthesis import Synthesis
from tests.stacks.templates import Assembly

ROOT = Path(__file__).parent.parent
_ENVIRONMENTS = ("sandbox", "production")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="rewrite tests/snapshot/templates")
    parser.addoption("--aws-environment", default="sandbox", help="environment that tests/aws walks through")
    parser.addoption("--real-aws", action="store_true", help="in a real account; `python -m tests.aws` asks first")


def pytest_configure() -> None:
    # jsii takes the first node on PATH: the virtual environment's, whatever else the machine has.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ["CDK_DISABLE_STACK_TRACE"] = "1"
    # No test is timed: on a busy machine an example may take any time.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder of the run, the same for all its workers."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Gives assemblies by name; all workers of a run share them."""
    return Synthesis(ROOT, shared_folder(tmp_path_factory) / "assemblies")


@pytest.fixture(scope="session")
def sandbox(synthesis: Synthesis) -> Assembly:
    return synthesis.assembly("sandbox")


@pytest.fixture(scope="session")
def production(synthesis: Synthesis) -> Assembly:
    return synthesis.assembly("production")


@pytest.fixture(scope="session")
def corners(synthesis: Synthesis) -> Assembly:
    """Services and settings of the tests' own: what the four services and the two environments do not use."""
    return synthesis.assembly("corners")


@pytest.fixture(scope="session")
def borrowed(synthesis: Synthesis) -> Assembly:
    """The same services in a VPC that exists, with an internal load balancer."""
    return synthesis.assembly("borrowed")


@pytest.fixture(scope="session", params=_ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, synthesis: Synthesis) -> Assembly:
    """Each environment that the project brings."""
    return synthesis.assembly(request.param)


@pytest.fixture(scope="session", params=(*_ENVIRONMENTS, "corners"))
def assembly(request: pytest.FixtureRequest, synthesis: Synthesis) -> Assembly:
    """Each environment that the project brings, and the tests' own."""
    return synthesis.assembly(request.param)
