"""Queues that a broker lists and has lost: found by asking for their messages, deleted, and so made anew.

RabbitMQ that was killed within seconds of a quorum queue's first declaration may come back so. It answers a
declaration, as if nothing were wrong, and whoever wants to consume waits in vain or is told of an error of
the broker's own; what is sent there is never confirmed. The queue holds hints alone: nothing is lost with it.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from amqp.exceptions import AMQPError, InternalError, NotFound
from celery import Celery

_log = logging.getLogger("steadfast.cluster.messenger")

_ANSWER_WITHIN_S = 6.0
_DELETED_WITHIN_S = 20.0
"""The broker itself waits for the lost queue, for about five seconds."""
_LONGEST_PAUSE_S = 2.0
"""Between two looks: of several messengers that find it lost one mends it, and the others find it mended."""
_OF_A_LOST_QUEUE = (TimeoutError, InternalError)


def is_of_a_lost_queue(error: BaseException | None) -> bool:
    """Whether this is what the user of such a queue is told; it may also mean that the broker is slow."""
    return isinstance(error, _OF_A_LOST_QUEUE)


def delete_lost_queues(
    app: Celery, names: Iterable[str], *, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Deletes those that are lost; how many. Raises what the client raises where the broker is gone."""
    count = 0
    for name in names:
        if not _is_lost(app, name):
            continue
        sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311
        if _is_lost(app, name):
            with _channel(app, _DELETED_WITHIN_S) as channel:
                channel.queue_delete(queue=name)
            _log.warning("broker had lost a queue, it is made anew: %s", name)
            count += 1
    return count


def _is_lost(app: Celery, name: str) -> bool:
    with _channel(app, _ANSWER_WITHIN_S) as channel:
        try:
            # One message at most comes, and goes back when the connection ends.
            channel.basic_qos(0, 1, False)
            channel.basic_consume(queue=name, callback=lambda _message: None)
        except NotFound:
            return False
        except _OF_A_LOST_QUEUE:
            return True
    return False


@contextmanager
def _channel(app: Celery, patience_s: float) -> Iterator[Any]:
    """On a connection of its own, which is not parted from in order: the broker holds up such a parting."""
    limits = {"read_timeout": patience_s, "write_timeout": patience_s}
    connection = app.connection_for_write(transport_options=limits)
    try:
        connection.ensure_connection(max_retries=1, timeout=app.conf.broker_connection_timeout)
        yield connection.channel()
    finally:
        with suppress(AMQPError, OSError):
            connection.connection.collect()
