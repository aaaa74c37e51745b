"""Loaded by schemathesis: good values for the formats of tracking's OpenAPI that are not any text of their pattern."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

# A place in a listing; any would do, as a cursor need not be of a shipment that is still there.
schemathesis.openapi.format("list-cursor", st.just("WyIyMDI2LTAxLTAxVDAwOjAwOjAwLjAwMFoiLCJhIl0"))
schemathesis.openapi.format("history-cursor", st.just("WzFd"))
