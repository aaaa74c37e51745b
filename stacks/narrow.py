"""One way to say what a value is where the libraries' types say less."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def narrow(value: object, kind: type[T]) -> T:
    """The value, once it has proved to be of that type.

    CDK hands out interfaces and bare constructs where its documentation promises a class. An assert would be gone under
    `python -O`, which cdk.json runs, and a cast proves nothing.

    Raises:
        TypeError: it is something else, as after an upgrade of CDK.
    """
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, found {type(value).__name__}: {value!r}")
    return value
