"""Starts and stops: settings, log, queue, and the worker's loop."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime

from notices import __version__
from notices.notice import Movement
from notices.queue import Queue, QueueUnavailableError
from notices.settings import Settings, SettingsError
from notices.worker import Worker

log = logging.getLogger("notices")


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what is given as extra={"fields": {...}} becomes members."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def run(stop: threading.Event) -> int:
    """Works until `stop` is set; the exit code of the process."""
    try:
        settings = Settings.from_environment(os.environ)
        log_json(settings.log_level)
        queue = Queue(settings.queue_url)
    except (SettingsError, QueueUnavailableError) as error:
        print(f"notices: {error}", file=sys.stderr)
        return 2
    log.info("starting", extra={"fields": {"version": __version__, "environment": settings.environment}})
    Worker(queue, write_notice, stop).run()
    log.info("stopped")
    return 0


def write_notice(movement: Movement) -> None:
    """A notice is a line of the log; a service that mails would do so here."""
    fields = {"shipment": movement.shipment, "version": movement.version, "notice": movement.text}
    log.info("notice", extra={"fields": fields})


def log_json(level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)
