"""Finds and runs services/<name>/extra.py, the service's own CDK code (docs/extra.md)."""

from __future__ import annotations

import runpy
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from config.discovery import EXTRA, SERVICES
from config.errors import ConfigError, UserError

_FUNCTIONS: Final = ("add", "change")
_REMEDY: Final = "define add(service) or change(service), as docs/extra.md shows"


@dataclass(frozen=True)
class Hooks:
    """The functions of one extra.py.

    Attributes:
        file: as messages name it.
        functions: by name; at least one of `add` and `change`.
    """

    file: str
    functions: Mapping[str, Callable[[Any], object]]

    def run(self, function: str, service: object) -> None:
        """Calls the function, if the file has it. Raises ConfigError for whatever it raises."""
        hook = self.functions.get(function)
        if hook is None:
            return
        try:
            hook(service)
        except UserError:
            raise
        except Exception as error:
            raise _fault(self.file, error) from error


def load_extras(root: Path, names: Iterable[str]) -> dict[str, Hooks]:
    """The hooks of each of these services that has any, by its name. Raises ConfigError for a file that cannot be used."""
    return {
        name: _load(root / SERVICES / name / EXTRA, f"{SERVICES}/{name}/{EXTRA}")
        for name in names
        if (root / SERVICES / name / EXTRA).exists()
    }


def _load(path: Path, file: str) -> Hooks:
    try:
        # Unlike an import, it leaves no __pycache__ in the build context.
        found = runpy.run_path(str(path), run_name=file)
    except Exception as error:
        if isinstance(error, OSError) and error.filename == str(path):
            raise ConfigError(file, "file", f"cannot be read ({error.strerror})", "make it readable") from error
        raise _fault(file, error) from error
    functions = {name: found[name] for name in _FUNCTIONS if callable(found.get(name))}
    if not functions:
        raise ConfigError(file, "file", f"defines neither {' nor '.join(_FUNCTIONS)}", _REMEDY)
    return Hooks(file, functions)


def _fault(file: str, error: Exception) -> ConfigError:
    said = (str(error).strip().splitlines() or ["no message"])[0]
    return ConfigError(file, _line(file, error), f"raises {type(error).__name__}: {said}", "correct it")


def _line(file: str, error: Exception) -> str:
    """The last line of the file itself that the error passed through."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(file)]
    return f"line {lines[-1]}" if lines else "file"
