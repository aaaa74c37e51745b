"""Compiles the service and its Java tests and runs each, with a JDK of this machine or the one of the image's build stage.

The tests are Java because what they prove is inside the service. No build tool, no JUnit: a JDK is all it takes.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("java")  # one compilation and run for all
SERVICE = Path(__file__).resolve().parents[1]
JDK_RELEASE = 25  # what the Dockerfile compiles for
RUN = (
    "mkdir classes"
    " && javac -Xlint:all -Werror -d classes src/main/java/harbour/quotes/*.java tests/java/harbour/quotes/*.java"
    " && cp -r src/main/resources/. classes/ && java -cp classes harbour.quotes.Check"
)


def _local_jdk() -> bool:
    javac = shutil.which("javac")
    if not javac:
        return False
    version = subprocess.run([javac, "-version"], check=False, capture_output=True, text=True).stdout
    found = re.search(r"javac (\d+)", version)
    return bool(found) and int(found[1]) >= JDK_RELEASE


def _clients() -> Iterator[str]:
    """Every container client that could be meant, the chosen one first: not all of them can build."""
    yield from (os.environ[name] for name in ("DOCKER", "CDK_DOCKER") if os.environ.get(name))
    for folder in os.get_exec_path():
        if os.access(Path(folder) / "docker", os.X_OK):
            yield str(Path(folder) / "docker")


def _jdk_image() -> tuple[str, str]:
    """A client and the image of the Dockerfile's jdk stage; skips where neither a JDK nor an engine is there."""
    reasons = []
    for client in dict.fromkeys(_clients()):
        command = [client, "build", "--quiet", "--target", "jdk", "--tag", "harbour-test/quotes:jdk"]
        if registry := os.environ.get("BASE_REGISTRY"):
            command += ["--build-arg", f"BASE_REGISTRY={registry}"]
        try:
            built = subprocess.run(
                [*command, str(SERVICE)],
                check=False,
                capture_output=True,
                text=True,
                timeout=900,
                env={**os.environ, "DOCKER_BUILDKIT": "1"},
            )
        except OSError as error:
            reasons.append(f"{client}: {error}")
            continue
        if built.returncode == 0:
            return client, "harbour-test/quotes:jdk"
        reasons.append(f"{client}: {(built.stderr.strip().splitlines() or ['failed'])[-1]}")
    pytest.skip(f"no JDK {JDK_RELEASE} and no container engine to take one from ({'; '.join(reasons) or 'no client'})")


def _sources() -> bytes:
    """The sources as a tar stream, which reaches an engine on another machine too."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for folder in ("src/main", "tests/java"):
            archive.add(SERVICE / folder, arcname=folder)
    return stream.getvalue()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """Exit code and output of one run of all Java tests."""
    if _local_jdk():
        folder = tmp_path_factory.mktemp("quotes")
        for part in ("src/main", "tests/java"):
            shutil.copytree(SERVICE / part, folder / part)
        ran = subprocess.run(["sh", "-c", RUN], check=False, cwd=folder, capture_output=True, timeout=300)
    else:
        client, image = _jdk_image()
        inside = ["sh", "-c", f"mkdir /tmp/run && cd /tmp/run && tar x && {RUN}"]
        ran = subprocess.run(
            [client, "run", "--rm", "--interactive", "--network=none", image, *inside],
            check=False,
            input=_sources(),
            capture_output=True,
            timeout=300,
        )
    return ran.returncode, (ran.stdout + ran.stderr).decode(errors="replace")


def _tests() -> list[str]:
    """Names of the Java tests: every method of a *Tests class that takes nothing and returns nothing."""
    names = []
    for source in sorted((SERVICE / "tests/java").rglob("*Tests.java")):
        found = re.findall(r"^    void (\w+)\(\)", source.read_text(encoding="utf-8"), re.MULTILINE)
        names += [f"{source.stem}.{name}" for name in found]
    return names


@pytest.mark.parametrize("name", _tests())
def test_java(name: str, results: tuple[int, str]) -> None:
    _, output = results
    assert f"ok {name}\n" in output, output


def test_the_java_run_as_a_whole_passes(results: tuple[int, str]) -> None:
    code, output = results
    assert code == 0, output
    assert output.count("ok ") == len(_tests()), output
