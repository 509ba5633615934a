"""How the gateway logs."""

import logging
import sys

import structlog
from structlog.typing import Processor


def configure_logs(form: str, level: str, also: Processor | None = None) -> None:
    """Sets up structlog and the standard library's loggers, which asyncua and gRPC use, to standard error.

    Args:
        form: "text" or "json".
        level: What is logged.
        also: Sees what the gateway itself logs before it is written.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    own = shared if also is None else [*shared, also]
    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*own, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    formatter = structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # asyncua says at length what we say in one line, and logs requests, which may hold passwords, at debug.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
