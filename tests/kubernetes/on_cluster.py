"""The copy of the project whose `make up` also goes to a Kubernetes cluster."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.catalog import Catalog, load_catalog
from config.settings import Settings, load_settings
from ops.local.engine import Engine
from ops.local.kubernetes.kubectl import Kubectl, find_program
from ops.local.workspace import Workspace
from tests.e2e.local import Local


@dataclass
class OnCluster(Local):
    """A copy of the project whose `make up` also goes to a cluster."""

    kubeconfig: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "KUBECONFIG": self.kubeconfig}

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder, "sandbox", {})

    @property
    def catalog(self) -> Catalog:
        return load_catalog(self.folder, self.settings)

    @property
    def kubectl(self) -> Kubectl:
        workspace = Workspace(self.folder)
        workspace.prepare()
        return Kubectl(find_program(os.environ, workspace), self.environment)

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        return self.kubectl.items(*arguments, "-n", self.settings.app)

    def change(self, service: str, **fields: Any) -> None:
        """Change fields of a service's manifest."""

        def changed(text: str) -> str:
            return yaml.safe_dump({**yaml.safe_load(text), **fields}, sort_keys=False)

        self.edit(f"services/{service}/service.yaml", changed)


def on_cluster(root: Path, folder: Path, engine: Engine, kubeconfig: str) -> OnCluster:
    """A copy of the project, for a cluster."""
    local = Local.copy(root, folder, engine)
    return OnCluster(local.folder, local.port, local.engine, kubeconfig)
