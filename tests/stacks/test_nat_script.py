"""What the NAT instance's script does, with stand-ins for the programs that change a machine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.nat_script import NAT_SCRIPT

VARIABLES = "STACK=stack\nRESOURCE=NatInstance\nREGION=eu-west-1\nVPC_CIDR=10.20.0.0/16\nPROBE=probe.example\nPAUSE=0\n"
PROGRAMS = ("dnf", "nft", "ip", "sysctl", "systemctl", "dd", "mkswap", "swapon", "getent", "curl")
REAL = ("awk", "bash", "cat", "chmod", "sleep")


class Machine:
    """A folder instead of /, with stand-ins that record how they were called.

    Attributes:
        calls: one line per call, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self._bin = folder / "bin"
        for name in ("bin", "etc/sysctl.d", "etc/systemd/system", "opt/aws/bin"):
            (folder / name).mkdir(parents=True)
        (folder / "swapfile").touch()
        for name in REAL:
            found = shutil.which(name)
            assert found
            (self._bin / name).symlink_to(found)
        for name in PROGRAMS:
            self.program(name)
        self.program("getent", "echo 203.0.113.9 STREAM probe.example")
        self.program("ip", 'if [ "$1 $2" = "netns exec" ]; then shift 3; "$@"; fi')
        self.signals()

    def program(self, name: str, text: str = "") -> None:
        self._write(self._bin / name, name, text)

    def signals(self, text: str = "") -> None:
        self._write(self.root / "opt/aws/bin/cfn-signal", "cfn-signal", text)

    def without(self, path: str) -> None:
        (self.root / path).unlink()

    def run(self) -> int:
        text = NAT_SCRIPT.replace(" /opt", f" {self.root}/opt").replace("/swapfile", f"{self.root}/swapfile")
        script = text.replace(">/etc", f">{self.root}/etc").replace("=/etc/sysctl", f"={self.root}/etc/sysctl")
        done = subprocess.run(
            ["bash", "-c", VARIABLES + script],
            env={"PATH": str(self._bin)},
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.returncode

    @property
    def calls(self) -> list[str]:
        return (self.root / "calls").read_text("utf-8").splitlines()

    def called(self, start: str) -> list[str]:
        return [call for call in self.calls if call.startswith(start)]

    def _write(self, path: Path, name: str, text: str) -> None:
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.root}/calls\n{text}\n', encoding="utf-8")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def fails(times: int, folder: Path) -> str:
    """A program that fails the first few times."""
    return f'echo x >>{folder}/tries; [ "$(cat {folder}/tries | awk "END {{ print NR }}")" -gt {times} ]'


def test_a_working_nat_signals_success_once(machine):
    assert machine.run() == 0
    (signal,) = machine.called("cfn-signal")
    assert signal.startswith("cfn-signal --exit-code 0 ")
    assert signal.endswith("--stack stack --resource NatInstance --region eu-west-1")


def test_nothing_is_installed_if_the_image_has_everything(machine):
    machine.run()
    assert not machine.called("dnf")
    assert not machine.called("mkswap")


def test_what_is_missing_is_installed_with_swap_and_tried_again(machine):
    machine.without("bin/nft")
    machine.program("dnf", fails(3, machine.root))
    assert machine.run() == 0
    installs = machine.called("dnf")
    assert len(installs) == 4
    assert installs[0].endswith(" nftables")
    assert machine.calls.index(machine.called("swapon")[0]) < machine.calls.index(installs[0])


def test_an_image_without_the_signal_gets_it_too(machine):
    machine.without("opt/aws/bin/cfn-signal")
    machine.run()
    assert machine.called("dnf")[0].endswith(" aws-cfn-bootstrap")


def test_a_swap_file_that_cannot_be_made_does_not_stop_the_installation(machine):
    machine.without("bin/nft")
    machine.program("dd", "exit 1")
    assert machine.run() == 0


@pytest.mark.parametrize(
    ("name", "text", "step"),
    [
        ("dnf", "exit 1", "installing nftables"),
        ("systemctl", "exit 1", "setting up forwarding"),
        ("sysctl", "exit 1", "setting up forwarding"),
        ("getent", "exit 2", "looking up probe.example"),
        ("curl", "exit 28", "forwarding a request to probe.example"),
    ],
)
def test_a_nat_that_does_not_work_fails_its_stack_and_says_at_which_step(machine, name, text, step):
    if name == "dnf":
        machine.without("bin/nft")
    machine.program(name, text)
    assert machine.run() != 0
    (signal,) = machine.called("cfn-signal")
    assert "--exit-code 0" not in signal
    assert f"NAT instance failed at: {step} --stack" in signal


def test_the_signal_is_sent_again_until_it_arrives(machine):
    machine.signals(fails(2, machine.root))
    assert machine.run() == 0
    assert len(machine.called("cfn-signal")) == 3


def test_forwarding_is_tried_from_outside_the_instances_own_network(machine):
    machine.run()
    (request,) = machine.called("ip netns exec")
    assert request.startswith("ip netns exec probe curl ")
    assert "--resolve probe.example:443:203.0.113.9" in request
    assert machine.calls.index("ip netns delete probe") > machine.calls.index(request)


def test_the_rules_survive_a_restart(machine):
    machine.run()
    assert "systemctl enable --now nat-rules.service" in machine.calls
    assert "ip daddr != 10.20.0.0/16 masquerade" in (machine.root / "etc/nat.nft").read_text("utf-8")
    assert (machine.root / "etc/sysctl.d/90-nat.conf").read_text("utf-8") == "net.ipv4.ip_forward = 1\n"


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_the_script_has_no_finding_of_shellcheck(tmp_path):
    script = tmp_path / "nat.sh"
    script.write_text(f"#!/bin/bash\n{VARIABLES}{NAT_SCRIPT}", encoding="utf-8")
    subprocess.run(["shellcheck", script], check=True, env=os.environ)
