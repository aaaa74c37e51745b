"""Provides the base image that all services share, whether or not its registry can be reached.

If the pull fails, debootstrap builds the same distribution under the same name: BuildKit then finds it among the engine's
images, and the Dockerfiles stay as they are. The stand-in carries what a build behind a company proxy needs (the host's
certificate authorities and pip settings), as files, so that no environment variable of the build machine ends up in an
image.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ops.errors import OpsError
from ops.local.engine import Engine
from ops.process import capture
from ops.say import Say

DEFAULT_REGISTRY = "public.ecr.aws/docker/library"
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
PULL_SECONDS = 120.0
STAND_IN_LABEL = "container-services.stand-in"
HOST_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
HOST_CA_FOLDER = Path("/usr/local/share/ca-certificates")
IMAGE_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# What Debian's own slim images leave out: documentation, manuals and translations.
SLIM_EXCLUDES = (
    "usr/share/doc/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/lintian/*",
    "usr/share/groff/*", "usr/share/linda/*", "var/cache/apt/*.bin", "var/cache/apt/archives/*.deb",
    "var/lib/apt/lists/*_*", "var/cache/debconf/*-old", "var/log/bootstrap.log", "var/log/dpkg.log", "var/log/alternatives.log",
)  # fmt: skip
SETTING = re.compile(r"^PIP_([A-Z_]+)$")


def name(registry: str = DEFAULT_REGISTRY) -> str:
    """The full image name in the Dockerfiles' FROM, for a value of their argument BASE_REGISTRY."""
    return f"{registry}/debian:{SUITE}-slim"


def present(engine: Engine, image: str) -> bool:
    return engine.run("image", "inspect", image).ok


def is_stand_in(engine: Engine, image: str) -> bool:
    """True if the image of that name was built here rather than pulled."""
    answer = engine.run("image", "inspect", "--format", f'{{{{index .Config.Labels "{STAND_IN_LABEL}"}}}}', image)
    return answer.ok and answer.out.strip() == "debootstrap"


def ensure(engine: Engine, say: Say, *, registry: str = DEFAULT_REGISTRY) -> str:
    """Make sure that the engine holds the base image; returns its name. Raises OpsError if it can be neither pulled nor built."""
    image = name(registry)
    if present(engine, image):
        return image
    say.note(f"pulling {image}")
    pulled = engine.run("pull", "-q", image, timeout=PULL_SECONDS)
    if pulled.ok:
        return image
    say.note(f"pull failed ({pulled.last_line()[:160]}); building the same distribution with debootstrap")
    _require_debootstrap(image)
    with tempfile.TemporaryDirectory(prefix="base-image-") as scratch:
        root = Path(scratch) / "root"
        _bootstrap(root, engine.architecture)
        _carry_host_settings(root, os.environ)
        _slim(root)
        _import(engine, root, image)
    return image


def _require_debootstrap(image: str) -> None:
    if os.geteuid() != 0:
        raise OpsError(
            f"{image} cannot be pulled and debootstrap needs root; pull it on a network that reaches the registry, or run as root"
        )
    if shutil.which("debootstrap") is None and not capture(["apt-get", "install", "-y", "-q", "debootstrap"]).ok:
        raise OpsError(
            f"{image} cannot be pulled and debootstrap is not installed; install it or connect to a registry"
        )


def _bootstrap(root: Path, architecture: str) -> None:
    done = capture(["debootstrap", f"--arch={architecture}", "--variant=minbase", SUITE, root, MIRROR])
    if not done.ok:
        raise OpsError(f"debootstrap failed: {done.last_line()}")


def _carry_host_settings(root: Path, environ: Mapping[str, str]) -> None:
    """Copies the host's certificate authorities and pip settings to where Debian and pip look for them."""
    if HOST_CA_BUNDLE.exists():
        target = root / IMAGE_CA_BUNDLE.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HOST_CA_BUNDLE, target)
    if HOST_CA_FOLDER.is_dir():  # so that a later `apt-get install ca-certificates` keeps them
        local = root / str(HOST_CA_FOLDER).lstrip("/")
        local.mkdir(parents=True, exist_ok=True)
        for certificate in HOST_CA_FOLDER.glob("*.crt"):
            shutil.copyfile(certificate, local / certificate.name)
    (root / "etc/pip.conf").write_text(pip_settings(environ, has_bundle=HOST_CA_BUNDLE.exists()))


def pip_settings(environ: Mapping[str, str], *, has_bundle: bool) -> str:
    """The host's PIP_* variables as a pip.conf; paths on the host are left out, as they mean nothing in an image."""
    lines = ["[global]"]
    for variable, value in sorted(environ.items()):
        match = SETTING.match(variable)
        words = [word for word in value.split() if not word.startswith(("/", "~", "file:"))]
        if match and words:
            lines.append(f"{match[1].lower().replace('_', '-')} = {' '.join(words)}")
    if has_bundle:
        lines.append(f"cert = {IMAGE_CA_BUNDLE}")
    return "\n".join(lines) + "\n"


def _slim(root: Path) -> None:
    for pattern in SLIM_EXCLUDES:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    # As in Debian's own image: keeps fetched packages and lists out of the layers.
    (root / "etc/apt/apt.conf.d/docker-clean").write_text(
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\nAcquire::Languages "none";\n'
        'APT::AutoRemove::SuggestsImportant "false";\n'
    )
    (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(
        "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/info/*\n"
        "path-exclude /usr/share/locale/*\npath-exclude /usr/share/lintian/*\n"
    )


def _import(engine: Engine, root: Path, image: str) -> None:
    env = {**os.environ, **engine.environment}
    changes = [
        'CMD ["bash"]',
        f"LABEL {STAND_IN_LABEL}=debootstrap",
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    options = [part for change in changes for part in ("--change", change)]
    pack = subprocess.Popen(
        ["tar", "-C", str(root), "--numeric-owner", "--sort=name", "-c", "."], stdout=subprocess.PIPE
    )
    load = subprocess.run(
        [str(engine.client), "import", *options, "-", image],
        stdin=pack.stdout,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if pack.stdout is not None:
        pack.stdout.close()
    if pack.wait() != 0 or load.returncode != 0:
        raise OpsError(f"the base image could not be imported: {load.stderr.strip() or 'tar failed'}")
