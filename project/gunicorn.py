"""
Gunicorn's configuration: ``gunicorn --config python:project.gunicorn project.wsgi``.

https://docs.gunicorn.org/en/stable/settings.html
"""

import gc
import os
from typing import Any

from project import environment, logs

bind = "0.0.0.0:" + os.environ.get("PORT", "8000")
workers = environment.number("WEB_WORKERS", default=2)
threads = environment.number("WEB_THREADS", default=4)
# A worker that stops finishes its open requests, and waits `keepalive` seconds for idle clients.
graceful_timeout = environment.number("WEB_GRACEFUL_TIMEOUT", default=30)
keepalive = 1
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True  # nothing uses it, and its thread delays the stop
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# Gunicorn's own messages have the format of the project's logs.
logconfig_dict = logs.gunicorn(
    environment.choice("LOG_FORMAT", ("json", "text"), default="json"),
    environment.text("LOG_LEVEL", "INFO"),
)


def worker_exit(server: Any, worker: Any) -> None:
    """Keep the garbage collector from every object of a worker that ends, half a second of work."""
    gc.freeze()
