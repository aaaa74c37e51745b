"""Services with sidecars: one network, the order of start and end, lines of their own, and failures in one line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from ops.local import base_image
from ops.local import engine as engines
from tests.e2e.local import Local, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-sidecars")]

# Perl is in the base image. Each program says when it listens, and when it is told to end.
SERVE = """\
use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { print "told to end\\n"; exit 0 };
my $s = IO::Socket::INET->new(LocalAddr => "%s", LocalPort => %d, Listen => 16, ReuseAddr => 1) or die "no port\\n";
print "listens\\n"; %s
while (my $c = $s->accept) { my $body = "fine\\n"; my $asked = <$c>;
while (my $line = <$c>) { last if $line =~ m{^\\r?\\n$} }  # a close with lines unread would reset the connection
%s
print $c "HTTP/1.0 200 OK\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body"; close $c }
"""
ASK = """\
if ($asked =~ m{ask}) { my $u = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => 9000) or $body = "nobody\\n";
if ($u) { print $u "GET / HTTP/1.0\\r\\n\\r\\n"; local $/; $body = <$u>; $body =~ s/.*\\r\\n\\r\\n//s } }
"""
TELL = 'open(my $f, ">/var/cache/proxy/x") or $body = "read-only\\n"; $body = "$ENV{WORD} from user $<\\n" if $f;'
READY = 'open(my $r, ">/tmp/ready"); close $r;'

PROXY = {
    "image": base_image.name(),
    "command": ["/usr/bin/perl", "-e", SERVE % ("127.0.0.1", 9000, READY, TELL)],
    "environment": {"WORD": "ahoy"},
    "user": 1000,
    "writable": ["/var/cache/proxy"],
    "health": {"command": ["test", "-e", "/tmp/ready"]},
    "cpu": 64,
    "memory": 128,
}
SIZE = {"cpu": 256, "memory": 512, "image": base_image.name(), "platforms": ["ecs"]}
HARBOUR = {
    **SIZE,
    "kind": "http",
    "description": "Asks its sidecar",
    "port": 8080,
    "path": "/harbour",
    "health": "/healthz",
    "command": ["/usr/bin/perl", "-e", SERVE % ("0.0.0.0", 8080, "", ASK)],  # noqa: S104
    "sidecars": {"proxy": PROXY},
}
ERRAND = {
    **SIZE,
    "kind": "job",
    "description": "Runs beside a sidecar, and ends",
    "schedule": "0 6 * * *",
    "command": [
        "/bin/bash",
        "-c",
        "exec 3<>/dev/tcp/127.0.0.1/9000 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3",
    ],
    "sidecars": {"proxy": PROXY},
}


@pytest.fixture(scope="module")
def local(root: Path, tmp_path_factory: pytest.TempPathFactory, engine: engines.Engine) -> Iterator[Local]:
    copy = Local.copy(root, tmp_path_factory.mktemp("e2e") / "project", engine)
    shutil.rmtree(copy.folder / "services")
    for name, manifest in {"harbour": HARBOUR, "errand": ERRAND}.items():
        (copy.folder / "services" / name).mkdir(parents=True)
        (copy.folder / "services" / name / "service.yaml").write_text(yaml.safe_dump(manifest))
    yield copy
    copy.ops("down", "--images")


def ask(local: Local) -> str:
    return requests.get(local.url("/harbour/ask"), timeout=30).text


def replace_in_manifest(old: str, new: str):
    def change(text: str) -> str:
        manifest = yaml.safe_load(text)
        command = manifest["sidecars"]["proxy"]["command"]
        assert old in command[-1]
        command[-1] = command[-1].replace(old, new)
        return yaml.safe_dump(manifest)

    return change


def test_a_service_reaches_its_sidecar_on_localhost(running):
    assert ask(running) == "ahoy from user 1000\n"


def test_a_sidecar_is_hardened_and_has_its_share_of_the_memory(running):
    [name] = running.containers("proxy")
    found = running.inspect(name)
    host = found["HostConfig"]
    assert (found["Config"]["User"], host["ReadonlyRootfs"], host["CapDrop"]) == ("1000:1000", True, ["ALL"])
    assert host["Memory"] == PROXY["memory"] * 2**20


def test_a_job_ends_with_its_own_container_and_leaves_no_sidecar(running, up):
    assert "ran once, exit code 0" in up.out
    assert "ahoy from user 1000" in running.ops("logs", "errand").out
    assert [name.rpartition("-")[2] for name in running.containers()] == ["harbour", "proxy"]


def test_lines_of_a_sidecar_carry_its_name_and_it_starts_first(running):
    lines = [line.split() for line in running.ops("logs", "harbour").out.splitlines()]
    assert [line[0] for line in lines if line[1:] == ["listens"]] == ["harbour/proxy", "harbour"]


def test_a_task_without_its_sidecar_is_replaced(running):
    [own] = running.containers("harbour")
    running.engine.run("kill", *running.containers("proxy"))
    eventually(lambda: running.containers("harbour") not in ([], [own]))
    eventually(lambda: ask(running) == "ahoy from user 1000\n")


def test_a_sidecar_that_fails_is_one_line_and_the_earlier_version_goes_on(running):
    manifest = "services/harbour/service.yaml"
    running.edit(manifest, replace_in_manifest('print "listens', 'die "no such upstream\\n"; print "listens'))
    broken = running.ops("up")
    assert broken.code == 1
    assert "harbour: the new version was rolled back: sidecar proxy exited with code" in broken.last_line
    assert "no such upstream" in broken.last_line
    assert ask(running) == "ahoy from user 1000\n"
    running.edit(manifest, replace_in_manifest('die "no such upstream\\n"; print "listens', 'print "listens'))


def test_down_tells_every_container_to_end_and_leaves_nothing(running):
    assert running.ops("down").code == 0
    assert running.engine.run("ps", "-aq", "--filter", f"label=ministack.instance={running.target.instance}").out == ""
    assert running.engine.run("network", "ls", "-q", "--filter", f"name={running.target.network}").out == ""
    told = [line.split()[0] for line in running.ops("logs", "harbour").out.splitlines() if line.endswith("told to end")]
    assert {"harbour", "harbour/proxy"} <= set(told)
