"""Cloud assemblies for tests: each variant of the app is synthesized once per run, by whichever worker comes first.

A worker that waits for another's variant synthesizes the next one meanwhile, so two cores are busy from the start.
"""

from __future__ import annotations

import fcntl
import gc
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config.catalog import load_catalog
from config.settings import load_settings, overrides_from_context
from tests.stacks.templates import Assembly


@dataclass(frozen=True)
class Variant:
    """One way to synthesize the app.

    Attributes:
        environment: the value of `-c env`.
        overrides: other `-c` settings.
        prepare: changes a copy of services/ and the environments first; None uses the project as it is.
        nag: whether cdk-nag and CDK's own rules run, as before a deployment.
        acknowledged: whether its findings are acknowledged; if not, `acknowledged.json` lists what would have been.
        corners: whether the tests' own services and settings are used.
    """

    environment: str
    overrides: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Path], None] | None = None
    nag: bool = False
    acknowledged: bool = True
    corners: bool = False


def _add_a_service(project: Path) -> None:
    """What a newcomer does first; plus files that .dockerignore excludes: documents, tests, caches."""
    services = project / "services"
    shutil.copytree(services / "hello", services / "hello2")
    for service in services.iterdir():
        for name in (
            "README.md",
            "tests/test_more.py",
            "tests/deep/data.json",
            "__pycache__/app.pyc",
            ".pytest_cache/x",
        ):
            file = service / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{file.read_text(encoding='utf-8') if file.exists() else ''}\nmore\n", encoding="utf-8")


def _edit_a_service(project: Path) -> None:
    """A new description for tracking, and new code for quotes."""
    manifest = project / "services" / "tracking" / "service.yaml"
    lines = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    edited = ["description: Said in other words\n" if line.startswith("description:") else line for line in lines]
    manifest.write_text("".join(edited), encoding="utf-8")
    with (project / "services" / "quotes" / "Dockerfile").open("a", encoding="utf-8") as code:
        code.write("# another line\n")


def _add_a_route(project: Path) -> None:
    """An http service with its own path."""
    another = project / "services" / "another"
    shutil.copytree(project / "services" / "hello", another)
    lines = [
        "kind: http",
        "description: One more",
        "cpu: 256",
        "memory: 512",
        "port: 8080",
        "path: /another",
        "health: /",
    ]
    (another / "service.yaml").write_text("\n".join(lines), encoding="utf-8")


def _bring_cdk_code(project: Path) -> None:
    """A service with an extra.py."""
    shutil.copytree(Path(__file__).parent / "extended" / "odd", project / "services" / "odd")


def _rename_production(project: Path) -> None:
    """The same settings and overrides under another name."""
    environments = project / "config" / "environments"
    for file in (environments / "production.yaml", *project.glob("services/*/service.yaml")):
        file.write_text(file.read_text(encoding="utf-8").replace("production", "twin"), encoding="utf-8")
    (environments / "production.yaml").rename(environments / "twin.yaml")


def _change_everything(project: Path) -> None:
    """One change of each kind that a review tells apart; notices, a second reader's queue, goes away."""
    services = project / "services"
    shutil.rmtree(services / "notices")
    changes = {
        "tracking": [("sort_key: sk", "sort_key: at"), ("sends: [notices]\n", "")],
        "quotes": [
            ("path: /quotes\n", "path: /quotes\npaths: [/prices]\n"),
            ('TRACKING_RETRIES: "2"', 'TRACKING_RETRIES: "3"'),
            (
                "calls: [tracking]\n",
                "calls: [tracking]\n"
                "egress:\n- {name: ledger, port: 5432, cidrs: [10.90.0.0/16]}\n"
                "rights:\n- {actions: ['s3:GetObject'], resources: ['arn:aws:s3:::prices/list.csv']}\n",
            ),
        ],
        "hello": [("memory: 512", "memory: 1024")],
    }
    for name, replacements in changes.items():
        manifest = services / name / "service.yaml"
        text = manifest.read_text(encoding="utf-8")
        for old, new in replacements:
            assert old in text, f"{name}: {old}"
            text = text.replace(old, new)
        manifest.write_text(text, encoding="utf-8")
    with (services / "web" / "Dockerfile").open("a", encoding="utf-8") as code:
        code.write("# another line\n")


def _leave_one_service(project: Path) -> None:
    """Only web, which no longer calls anybody."""
    for service in (project / "services").iterdir():
        if service.name != "web":
            shutil.rmtree(service)
    manifest = project / "services" / "web" / "service.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("calls: [tracking, quotes]\n", ""), encoding="utf-8")


def _keep_data(project: Path) -> None:
    """A worker with a stream and a bucket, which neither environment's own services have."""
    ledger = project / "services" / "ledger"
    shutil.copytree(project / "services" / "hello", ledger)
    lines = [
        "kind: worker",
        "description: Keeps the books",
        "cpu: 256",
        "memory: 512",
        "table: {partition_key: id, stream: true}",
        "bucket: {}",
    ]
    (ledger / "service.yaml").write_text("\n".join(lines), encoding="utf-8")


VARIANTS = {
    "sandbox": Variant("sandbox", nag=True),
    "production": Variant("production", nag=True),
    "corners": Variant("corners", nag=True, corners=True),
    "borrowed": Variant("borrowed", nag=True, corners=True),
    "sandbox-unacknowledged": Variant("sandbox", nag=True, acknowledged=False),
    "production-unacknowledged": Variant("production", nag=True, acknowledged=False),
    "corners-unacknowledged": Variant("corners", nag=True, acknowledged=False, corners=True),
    "added": Variant("sandbox", prepare=_add_a_service),
    "extended": Variant("sandbox", nag=True, prepare=_bring_cdk_code),
    "routed": Variant("sandbox", prepare=_add_a_route),
    "edited": Variant("sandbox", prepare=_edit_a_service),
    "changed": Variant("sandbox", nag=True, prepare=_change_everything),
    "twin": Variant("twin", prepare=_rename_production),
    "production-domain": Variant(
        "production",
        overrides={"domain.name": "harbour.example.com", "domain.hosted_zone_id": "Z0123456789ABCDEFGHIJ"},
    ),
    "production-data": Variant("production", prepare=_keep_data, nag=True),
    "production-bare": Variant("production", prepare=_leave_one_service),
    "ecs-alone": Variant("sandbox", overrides={"platforms": "ecs", "egress": "single-nat"}),
    "eks-alone": Variant(
        "production",
        overrides={"platforms": "eks", "account": "123456789012", "region": "eu-central-1", "egress": "endpoints"},
    ),
}


class Synthesis:
    """Synthesizes variants of the project under a folder that all workers share."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._read: dict[str, Assembly] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def assembly(self, name: str) -> Assembly:
        """The variant's cloud assembly."""
        if name not in self._read:
            while not self._is_done(name):
                if not any(self._try(candidate) for candidate in (name, *VARIANTS)):
                    time.sleep(0.05)  # other workers are synthesizing all remaining variants
            self._read[name] = self._open(name)
        return self._read[name]

    def _is_done(self, name: str) -> bool:
        return (self._folder / f"{name}.done").exists()

    def _try(self, name: str) -> bool:
        """Synthesizes unless another worker has or is doing so; returns whether it did."""
        with _lock(self._folder / f"{name}.lock") as taken:
            if not taken or self._is_done(name):
                return False
            self._synthesize(name)
            (self._folder / f"{name}.done").touch()
            return True

    def _project(self, name: str) -> Path:
        if VARIANTS[name].corners:
            return self._root / "tests" / "stacks" / "corners"
        return self._folder / f"{name}.project" if VARIANTS[name].prepare else self._root

    def _synthesize(self, name: str) -> None:
        variant = VARIANTS[name]
        project = self._project(name)
        if variant.prepare:
            shutil.copytree(self._root / "config" / "environments", project / "config" / "environments")
            unneeded = shutil.ignore_patterns("__pycache__")
            shutil.copytree(self._root / "services", project / "services", ignore=unneeded)
            variant.prepare(project)
        out = self._folder / f"{name}.out"
        synthesize(self._root, project, out, variant)

    def _open(self, name: str) -> Assembly:
        variant = VARIANTS[name]
        project = self._project(name)
        settings = load_settings(project, variant.environment, overrides_from_context(variant.overrides))
        return Assembly(self._folder / f"{name}.out", settings, load_catalog(project, settings))


def context(root: Path, variant: Variant) -> dict[str, object]:
    """The context that the CLI would pass to the app: cdk.json's and the command line's."""
    flags = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]
    return {**flags, **variant.overrides, "env": variant.environment}


def synthesize(root: Path, project: Path, out: Path, variant: Variant) -> None:
    """Synthesizes in this process. Findings go to the assembly's report, for a test to check."""
    import app as composition  # imports take seconds; only workers that synthesize need them

    gc.enable()  # the app switches it off, as it runs only briefly
    from aws_cdk import App

    app = App(
        analytics_reporting=False,
        builtin_cloud_formation_validation=variant.nag,
        tree_metadata=False,
        outdir=str(out),
        context=context(root, variant),
    )
    acknowledged: list[tuple[str, str]] = []
    with _without_nag(variant), _recording_acknowledgements(variant, acknowledged):
        composition.build(app, project)
    try:
        app.synth()
    except RuntimeError as refused:
        if "ValidationFailed" not in str(refused):
            raise
    (out / "acknowledged.json").write_text(json.dumps({"acknowledged": acknowledged}), encoding="utf-8")


@contextmanager
def _without_nag(variant: Variant) -> Iterator[None]:
    """Omits cdk-nag where its findings do not matter."""
    from aws_cdk import Validations

    with pytest.MonkeyPatch.context() as patch:
        if not variant.nag:
            patch.setattr(Validations, "add_plugins", lambda *_: None)
        yield


@contextmanager
def _recording_acknowledgements(variant: Variant, made: list[tuple[str, str]]) -> Iterator[None]:
    """Notes (construct, finding) instead of acknowledging, wherever stacks/ would."""
    import stacks.environment  # noqa: F401  imports all others

    def record(construct: Any, findings: dict[str, str]) -> None:
        made.extend((construct.node.path, finding) for finding in findings)

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if not variant.acknowledged and name.startswith("stacks.") and hasattr(module, "acknowledge"):
                patch.setattr(module, "acknowledge", record)
        yield


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
