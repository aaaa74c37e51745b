"""Narrows a value to its type where the libraries' type hints are too wide."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def narrow(value: object, kind: type[T]) -> T:
    """Returns the value if it is of that type.

    CDK returns interfaces and bare constructs where its documentation promises a class. `python -O`, which cdk.json runs,
    removes asserts, and a cast checks nothing.

    Raises:
        TypeError: it is of another type, which an upgrade of CDK may cause.
    """
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, found {type(value).__name__}: {value!r}")
    return value
