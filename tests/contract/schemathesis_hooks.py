"""Loaded by schemathesis: valid values for formats of tracking's OpenAPI that need more than a pattern."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

# A place in a listing; any will do, as a cursor's shipment need not exist any more.
schemathesis.openapi.format("list-cursor", st.just("WyIyMDI2LTAxLTAxVDAwOjAwOjAwLjAwMFoiLCJhIl0"))
schemathesis.openapi.format("history-cursor", st.just("WzFd"))
