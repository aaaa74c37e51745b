"""Starts the emulator's containers."""

from __future__ import annotations

from typing import Any, Protocol


class Networks(Protocol):
    """Where containers reach each other."""

    @property
    def base_network(self) -> str:
        """The network that every container is on."""

    def network(self, client: Any, name: str) -> Any:
        """The network of that name, created on first use."""

    def join(self, client: Any, container: Any, name: str) -> None:
        """Connect a container to the networks of what it calls, before it starts."""


class Launcher:
    """Replaces the emulator's Docker client, so that a container joins its networks before it starts."""

    def __init__(self, client: Any, networks: Networks, name: str) -> None:
        self._client = client
        self._networks = networks
        self._name = name
        self.images = client.images
        self.containers = self

    def run(self, image: str, *, detach: bool = True, **options: Any) -> Any:
        """Create, connect, start; a container that cannot start is removed again."""
        assert detach, "tasks never run in the foreground"  # noqa: S101
        if "network_mode" not in options:
            options["network"] = self._networks.network(self._client, self._networks.base_network).name
        container = self._client.containers.create(image, **options)
        try:
            if "network_mode" not in options:
                self._networks.join(self._client, container, self._name)
            container.start()
        except Exception:
            container.remove(force=True, v=True)
            raise
        return container

    def get(self, identity: str) -> Any:
        return self._client.containers.get(identity)
