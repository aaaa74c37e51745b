"""From a service's manifest to the source of its image: whose Dockerfile, from which folder, with which lines added.

The plain case is the Dockerfile of the service's folder, built from that folder as it is. In all others the copy that is built
has a Dockerfile under another name: that of an existing image is written here, and one with `writable` folders has lines added.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from config.build_context import DOCKERFILE, IGNORE_FILE, OWN_IGNORE_FILE, BuildContext, read_folder
from config.discovery import SERVICES, manifest_file, require_file
from config.dockerfile import Dockerfile, Folder, from_image
from config.errors import ConfigError, did_you_mean, nearest
from config.fields.image import BASE_REGISTRY, Build
from config.fields.process import TMP
from config.image import RECIPE, ImageSource
from config.languages import DOCUMENT, language_of
from config.service import ServiceSpec
from config.settings import Settings

_NO_IGNORE_FILE: Final = "write it, to keep tests and caches out of the image and its tag"
_REWRITTEN: Final = ("cdk.out", ".local")
"""Folders of the project that its own commands write: with one in a context each synth would give another tag."""


def source_of(root: Path, spec: ServiceSpec, settings: Settings) -> ImageSource:
    """The source of a service's image in an environment.

    Raises:
        ConfigError: a file is missing, is not what it should be, or must not be there; or the context is unusable.
    """
    if spec.image:
        return _existing(spec, spec.image, settings)
    if spec.build is None and not spec.writable:
        _require_own_files(root, spec)
        return ImageSource.of(root, spec.folder, settings)
    return _Built(root, spec, settings).source()


def sidecar_sources(spec: ServiceSpec, settings: Settings) -> dict[str, ImageSource]:
    """The source of the image of each of a service's sidecars, by its name."""
    return {
        name: _copy_of(
            spec,
            sidecar.image,
            settings,
            _owned(sidecar.writable, f"{sidecar.user}:{sidecar.user}"),
            label=sidecar_label(name),
        )
        for name, sidecar in spec.sidecars.items()
    }


def sidecar_label(sidecar: str) -> str:
    """What a sidecar's tags begin with, after the platform's prefix."""
    return f"sidecar.{sidecar}"


def _platform(settings: Settings) -> str:
    return f"linux/{settings.architecture.value}"


# --- an existing image ------------------------------------------------------------------------------------------------


def _existing(spec: ServiceSpec, image: str, settings: Settings) -> ImageSource:
    for name in (DOCKERFILE, OWN_IGNORE_FILE, IGNORE_FILE):
        if os.path.lexists(spec.folder / name):
            problem = "is beside image: in service.yaml, which takes an existing image"
            raise ConfigError(_in_services(spec, name), "file", problem, "remove one of the two")
    return _copy_of(spec, image, settings, _writable(spec))


def _copy_of(
    spec: ServiceSpec, image: str, settings: Settings, folders: tuple[Folder, ...], label: str = ""
) -> ImageSource:
    # Whatever the image declares, /tmp becomes a volume that anybody may write to.
    recipe = from_image(image, (Folder(TMP, owner="0:0", mode="1777"), *folders)).encode()
    context = BuildContext.of_nothing(f"{SERVICES}/{spec.name}", spec.folder)
    return ImageSource(context, _platform(settings), recipe=recipe, label=label)


def _writable(spec: ServiceSpec) -> tuple[Folder, ...]:
    user, group = spec.user_and_group
    return _owned(spec.writable, f"{user}:{group}")


def _owned(paths: tuple[str, ...], owner: str) -> tuple[Folder, ...]:
    return tuple(Folder(path, owner=owner, mode="0755") for path in paths)


# --- a build ----------------------------------------------------------------------------------------------------------


def _require_own_files(root: Path, spec: ServiceSpec) -> None:
    _require_dockerfile(root, spec, spec.folder / DOCKERFILE, _in_services(spec, DOCKERFILE))
    if not (spec.folder / OWN_IGNORE_FILE).is_file():
        require_file(root, spec.folder / IGNORE_FILE, _in_services(spec, IGNORE_FILE), remedy=_NO_IGNORE_FILE)


def _require_dockerfile(root: Path, spec: ServiceSpec, file: Path, name: str) -> None:
    found = language_of(spec.folder)
    problem, where = "is missing", f"{DOCUMENT} has one for each language"
    if found:
        language, mark = found
        problem = f"is missing, and {mark} says that this is {language.name}"
        where = f"paste the one of {DOCUMENT}#{language.anchor}"
    remedy = f"{where}, or name an existing image with image: in {manifest_file(spec.name)}"
    require_file(root, file, name, problem=problem, remedy=remedy)


def _in_services(spec: ServiceSpec, name: str) -> str:
    return f"{SERVICES}/{spec.name}/{name}"


class _Built:
    """The build of one service whose Dockerfile in the copy is not that of its folder."""

    def __init__(self, root: Path, spec: ServiceSpec, settings: Settings) -> None:
        self._root = root
        self._spec = spec
        self._settings = settings
        self._build = spec.build or Build()
        self._manifest = manifest_file(spec.name)

    def source(self) -> ImageSource:
        dockerfile = self._placed(self._build.dockerfile, "build.dockerfile")
        _require_dockerfile(self._root, self._spec, self._root / dockerfile, dockerfile)
        text = self._text(dockerfile)
        target = self._checked_target(text, dockerfile)
        self._check_arguments(text, dockerfile)
        recipe = text.text
        if self._spec.writable:
            recipe, target = text.with_folders(_writable(self._spec), target), None
        arguments = {BASE_REGISTRY: self._settings.base_registry, **self._build.args}
        context = self._context(dockerfile)
        return ImageSource(context, _platform(self._settings), arguments, recipe.encode(), target)

    def _placed(self, path: str, field: str) -> str:
        """A path from the service's folder, as one from the project's."""
        placed = os.path.normpath(f"{SERVICES}/{self._spec.name}/{path}")
        if placed.startswith(".."):
            raise ConfigError(self._manifest, field, "leaves the project", "name something in it")
        return placed

    def _text(self, name: str) -> Dockerfile:
        try:
            return Dockerfile((self._root / name).read_bytes().decode())
        except UnicodeDecodeError:
            raise ConfigError(name, "file", "is not UTF-8", "save it as UTF-8") from None
        except OSError as error:
            raise ConfigError(name, "file", f"cannot be read ({error.strerror})", "make it readable") from None

    def _checked_target(self, text: Dockerfile, name: str) -> str | None:
        target = self._build.target
        known = [stage.name for stage in text.stages if stage.name]
        if target is None or target.lower() in (stage.lower() for stage in known):
            return target
        listed = f"write one of {', '.join(known)}" if known else f"name one there with FROM ... AS {target}"
        problem = f"is {target}, which is not a stage of {name}"
        raise ConfigError(self._manifest, "build.target", problem, did_you_mean(target, known, else_say=listed))

    def _check_arguments(self, text: Dockerfile, name: str) -> None:
        for argument in self._build.args:
            if not text.takes(argument):
                by_lower = {known.lower(): known for known in text.arguments}
                close = nearest(argument, by_lower)
                remedy = f"did you mean {by_lower[close]}?" if close else f"write ARG {argument} there, or remove it"
                raise ConfigError(self._manifest, f"build.args.{argument}", f"is no ARG of {name}", remedy)

    def _context(self, dockerfile: str) -> BuildContext:
        name = self._placed(self._build.context, "build.context")
        folder = self._root / name
        ignore = self._ignore_file(dockerfile, name)
        shown = "" if name == "." else name
        # At the top of the project a link called Dockerfile is like any other: the builder reads the recipe.
        found = read_folder(self._root, folder, shown, self._root / ignore, ignore)
        self._refuse_ours(found)
        return found

    def _ignore_file(self, dockerfile: str, context: str) -> str:
        """As BuildKit looks for it: beside the Dockerfile under its name, else at the top of the context."""
        own = f"{dockerfile}.dockerignore"
        common = os.path.normpath(f"{context}/{IGNORE_FILE}")
        if (self._root / own).is_file():
            common = own
        remedy = _NO_IGNORE_FILE if context != "." else f"write it or {own}: *, then !FOLDER for what is copied"
        require_file(self._root, self._root / common, common, remedy=remedy)
        return common

    def _refuse_ours(self, context: BuildContext) -> None:
        for entry in context.entries:
            if not context.name and entry.path in _REWRITTEN:
                problem = f"lets in {entry.path}, which every synth rewrites"
                raise ConfigError(
                    context.ignore_file, "file", problem, "begin it with *, then !FOLDER for what is copied"
                )
            if entry.path.startswith(RECIPE):
                raise ConfigError(
                    f"{context.name}/{entry.path}".strip("/"), "file", "has a name that is taken", "rename it"
                )
