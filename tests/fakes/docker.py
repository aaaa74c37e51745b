"""Fakes the part of the Docker SDK that the emulator's hooks use; records every call in one log."""

from types import SimpleNamespace


class Network:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def connect(self, container, aliases=None):
        self.log.append(("connect", self.name, container.name, aliases))

    def disconnect(self, container):
        self.log.append(("disconnect", self.name, container.name))


class Container:
    def __init__(self, log, *, status="running", code=0, networks=()):
        self.id = self.name = "c"
        self.status, self.log = status, log
        self.labels = {"com.amazonaws.ecs.container-name": "tracking", "container-services.stop-timeout": "7"}
        addresses = {name: {"IPAddress": "127.0.0.1"} for name in networks or ("net",)}
        self.attrs = {"State": {"ExitCode": code}, "NetworkSettings": {"Networks": addresses}}

    def reload(self):
        pass

    def start(self):
        self.log.append(("start",))

    def stop(self, timeout):
        self.log.append(("stop", timeout))

    def remove(self, **_):
        self.log.append(("remove",))

    def exec_run(self, command):
        self.log.append(("exec", *command))
        return (0, b"") if len([entry for entry in self.log if entry[0] == "exec"]) > 1 else (1, b"not yet\n")

    def logs(self, *, tail=0, stream=False):
        return iter([b"first\nlast words\n"]) if stream else b"first\nlast words\n"


class Client:
    """A client whose every new container is the one it was given."""

    def __init__(self, container):
        self.log = container.log
        self.images = object()
        self._known = {}
        self.networks = SimpleNamespace(
            list=lambda names: [self._known[n] for n in names if n in self._known], create=self._create
        )
        self.containers = SimpleNamespace(
            create=lambda image, **options: self.log.append(("create", image, options)) or container
        )

    def _create(self, name, **_):
        self._known[name] = Network(name, self.log)
        return self._known[name]
