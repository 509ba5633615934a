"""Structured logs: one event per line, each with the service, the request id and the ids of what is traced."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from dualspan_runtime.context import request_id
from dualspan_runtime.tracing import current_ids

# Without local variables, which structlog shows by default: they hold requests, and those hold passwords.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def _add_request_id(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    identifier = request_id()
    if identifier:
        event.setdefault("request_id", identifier)
    return event


def _add_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    ids = current_ids()
    if ids is not None:
        event.setdefault("trace_id", ids[0])
        event.setdefault("span_id", ids[1])
    return event


def configure_logging(
    service: str,
    log_format: Literal["text", "json"] = "text",
    level: Literal["debug", "info", "warning", "error"] = "info",
) -> None:
    """Sends all logs, the standard library's too, to standard error in one form.

    Args:
        service: Stands in every line.
        log_format: `text` for people, `json` for machines.
        level: The least that is logged.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request_id,
        _add_trace,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.contextvars.bind_contextvars(service=service)


def _renderers(log_format: Literal["text", "json"]) -> list[structlog.types.Processor]:
    if log_format == "json":
        return [_TRACEBACKS, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
