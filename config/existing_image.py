"""An existing image as one that is built: the copy in the service's repository, with volumes that its user may write to.

Fargate mounts an empty volume for root alone, unless the image declares one at the same path, whose owner and mode it then keeps.
Images of others rarely do, so the copy declares them. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from config.build_context import DOCKERFILE

_MODE: Final = "1777"  # of a folder for everybody, such as /tmp


def sidecar_tag(sidecar: str) -> str:
    """What a sidecar's tags begin with, after the platform's prefix. No hash of a service's own image has a dot."""
    return f"sidecar.{sidecar}"


@dataclass(frozen=True)
class ExistingImage:
    """What the copy of an existing image is made from.

    Attributes:
        reference: the image's name with its tag or digest.
        platform: as `docker build --platform` takes it.
        user: the user that runs it, by number.
        folders: full paths of what the user may write to.
        name: what the tag begins with, after the platform's prefix: it tells the images of one repository apart.
        build_arguments: none; as of images that are built.
    """

    reference: str
    platform: str
    user: int
    folders: tuple[str, ...]
    name: str
    build_arguments: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hexadecimal of the Dockerfile and the platform, after the name."""
        described = json.dumps([self._dockerfile, self.platform])
        return f"{self.name}.{hashlib.sha256(described.encode()).hexdigest()}"

    @property
    def staged_name(self) -> str:
        """Name of the folder in the cloud assembly."""
        return f"asset.{self.digest}"

    def stage(self, assembly: Path) -> None:
        """Puts the folder that the image is built from into the cloud assembly: a Dockerfile and nothing else."""
        target = assembly / self.staged_name
        assembly.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".staging-", dir=assembly))
        try:
            (scratch / "copy").mkdir(mode=0o755)
            (scratch / "copy" / DOCKERFILE).write_text(self._dockerfile, encoding="utf-8")
            shutil.rmtree(target, ignore_errors=True)
            (scratch / "copy").rename(target)
        finally:
            shutil.rmtree(scratch)

    @property
    def _dockerfile(self) -> str:
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        """Needs no shell in the image. COPY leaves the owner of what it copies into, so the folder above is copied."""
        owner = f"{self.user}:{self.user}"
        yield "FROM scratch AS folders"
        for number, folder in enumerate(self.folders):
            yield f"WORKDIR /{number}/{folder.rpartition('/')[2]}"
        yield f"FROM {self.reference}"
        for number, folder in enumerate(self.folders):
            above = folder.rpartition("/")[0]
            yield f"COPY --from=folders --chown={owner} --chmod={_MODE} /{number}/ {above}/"
        yield f"VOLUME {json.dumps(self.folders)}"
