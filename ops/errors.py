"""The error that ends an operator command; config/errors.py shows the whole hierarchy."""

from __future__ import annotations

from config.errors import UserError


class OpsError(UserError):
    """A fault the user can act on. `message` is one line: what is wrong; what to do.

    `exit_code` is 1 for something that failed, 2 for a wrong request or input.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
