"""The messenger: a Celery worker in a process of its own that runs no inference, only carries messages.

`python -m steadfast.cluster.messenger FD`: the other end of FD is its server. A message becomes a call; it is
acknowledged when the server says that the step which was taken for it is over. It ends when its server does,
and when its broker is gone: nothing in it is worth keeping.
"""

import logging
import os
import queue
import socket
import sys
import threading
import time
import warnings
from typing import Any, NoReturn
from uuid import uuid4

from amqp.exceptions import AMQPError
from celery import Celery
from celery.exceptions import Reject, WorkerShutdown
from celery.worker.consumer import Consumer
from kombu import Connection
from kombu.exceptions import OperationalError

from steadfast import process_title
from steadfast.cluster.celery_app import make_app
from steadfast.cluster.celery_app import queue as broker_queue
from steadfast.cluster.lost_queues import delete_lost_queues, is_of_a_lost_queue
from steadfast.cluster.message import TASK_NAME, VERSION
from steadfast.cluster.messenger_words import (
    Answer,
    Call,
    Depths,
    MessengerOptions,
    Ready,
    Suspects,
    TopUp,
    read_as_messenger,
    read_options,
    written,
)
from steadfast.jobs.calls import CallOutcome

_log = logging.getLogger("steadfast.cluster.messenger")

_BUSY_PAUSE_S = 0.25
"""Before a message goes back for which there was no place here: somebody else may have one."""
_UNKNOWN_PAUSE_S = 1.0
"""The same for a message of a version that this program does not know."""
_SERVER_GONE = 0
_BROKER_GONE = 3


class ServerLink:
    """The socket to the server; several threads speak, one listens."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._lines = connected.makefile("rb")
        self._speaking = threading.Lock()
        self._calls: dict[int, queue.SimpleQueue[str]] = {}
        self._last = 0
        self.top_ups: queue.SimpleQueue[TopUp] = queue.SimpleQueue()

    def options(self) -> MessengerOptions:
        """What it is to do."""
        return read_options(self._lines.readline())

    def tell(self, line: Any) -> None:
        """Says something; ends the process if nobody is there any more."""
        try:
            with self._speaking:
                self._socket.sendall(written(line))
        except OSError:
            os._exit(_SERVER_GONE)

    def call(self) -> str:
        """Has the server take a step; answers when that is over."""
        answer: queue.SimpleQueue[str] = queue.SimpleQueue()
        with self._speaking:
            self._last += 1
            number = self._last
            self._calls[number] = answer
        self.tell(Call(call=number))
        return answer.get()

    def listen(self) -> NoReturn:
        """Hears what the server says, until it is gone; then the process ends at once."""
        for text in self._lines:
            line = read_as_messenger(text)
            if isinstance(line, Answer):
                self._calls.pop(line.call).put(line.outcome)
            else:
                self.top_ups.put(line)
        os._exit(_SERVER_GONE)


class Sender:
    """Sends messages and counts those that wait, on a connection of its own."""

    def __init__(self, app: Celery, options: MessengerOptions, link: ServerLink) -> None:
        self._app = app
        self._options = options
        self._link = link
        self._at: str | None = None
        """The queue that something is sent to now."""

    def connect(self) -> Connection:
        """Raises what the broker's client raises."""
        connection = self._app.connection_for_write()
        connection.ensure_connection(max_retries=1, timeout=self._app.conf.broker_connection_timeout)
        return connection

    def serve(self, connection: Connection) -> None:
        """Does what the server asks for; ends the process when the broker is gone."""
        try:
            producer = self._app.amqp.Producer(connection, auto_declare=False)
            while True:
                try:
                    asked = self._link.top_ups.get(timeout=_beat_s(connection))
                except queue.Empty:
                    connection.heartbeat_check()
                    continue
                self._link.tell(self._top_up(producer, asked))
        except Exception as error:  # noqa: BLE001 — whatever it is, another messenger is a better answer
            _log.exception("messenger lost the broker")
            if self._at is not None and is_of_a_lost_queue(error):
                self._link.tell(Suspects(queues=(self._at,)))
            os._exit(_BROKER_GONE)

    def _top_up(self, producer: Any, asked: TopUp) -> Depths:
        waiting, sent = {}, 0
        for name, wanted in asked.wanted.items():
            self._at = name
            waiting[name] = self._depth(producer.channel, name)
            for _ in range(max(0, wanted - waiting[name])):
                self._send(producer, name, asked.bodies[name])
                sent += 1
        self._at = None
        return Depths(number=asked.number, waiting=waiting, sent=sent)

    def _send(self, producer: Any, name: str, body: dict[str, Any]) -> None:
        """As Celery makes a task, to that queue: without the name of an exchange it would take its own."""
        message = self._app.amqp.as_task_v2(uuid4().hex, TASK_NAME, args=(), kwargs=body, ignore_result=True)
        producer.publish(
            message.body,
            exchange="",
            routing_key=name,
            headers=message.headers,
            serializer="json",
            delivery_mode="persistent",
            retry=False,
            **message.properties,
        )

    def _depth(self, channel: Any, name: str) -> int:
        """How many wait; the queue is there afterwards, whatever was done to the broker."""
        declared = broker_queue(name, self._options.broker_url, lease_s=self._options.lease_s)
        found = channel.queue_declare(
            queue=name, durable=True, auto_delete=False, arguments=declared.queue_arguments
        )
        return int(found.message_count)


class Listener(Consumer):
    """Celery's consumer without what only many workers that talk to each other need."""

    link: ServerLink
    """The one of this process."""

    class Blueprint(Consumer.Blueprint):
        """Nothing is delayed, so the queues for that are not made."""

        default_steps = [  # noqa: RUF012 — as Celery declares it
            step for step in Consumer.Blueprint.default_steps if "delayed_delivery" not in step
        ]

    def start(self) -> None:
        """Consumes until the broker is gone; then the process ends at once, and says why.

        To part in order takes an answer of the broker. RabbitMQ, just restarted, may lose the wish to consume
        and hold the connection for half a minute, in which the next messenger would long have been heard.
        """
        try:
            super().start()
        except WorkerShutdown as end:
            _log.warning("messenger lost the broker: %r", end.__cause__)
            if is_of_a_lost_queue(end.__cause__):
                self.link.tell(Suspects(queues=tuple(queue.name for queue in self.app.conf.task_queues)))
            os._exit(_BROKER_GONE)


def main(descriptor: int) -> None:
    """Works until its server or its broker is gone."""
    process_title.show_role("messenger")
    warnings.simplefilter("ignore")  # Celery's, about being root: whose process this is, its server decided
    # A message that goes back is nothing to tell of, and Celery tells it with a traceback.
    logging.getLogger("celery.app.trace").setLevel(logging.ERROR)
    link = ServerLink(socket.socket(fileno=descriptor))
    options = link.options()
    app = make_app(options.broker_url, options.queues, lease_s=options.lease_s)
    _add_task(app, link)
    Listener.link = link
    sender = Sender(app, options, link)
    try:
        if options.broker_url.startswith("amqp"):  # no other broker has been seen to lose one
            delete_lost_queues(app, options.suspects)
        connection = sender.connect()
    except (AMQPError, OperationalError, OSError):
        os._exit(_BROKER_GONE)
    sending = threading.Thread(target=sender.serve, args=(connection,), daemon=True)
    sending.start()
    if not options.queues:
        link.tell(Ready())
        link.listen()
    threading.Thread(target=link.listen, daemon=True).start()
    _consume(app, options, link)
    os._exit(_BROKER_GONE)


def _consume(app: Celery, options: MessengerOptions, link: ServerLink) -> None:
    from celery.signals import worker_ready  # noqa: PLC0415

    @worker_ready.connect(weak=False)
    def tell_ready(**_about: Any) -> None:
        link.tell(Ready())

    worker = app.Worker(
        hostname=f"steadfast@{options.node}",
        pool="threads",
        concurrency=options.places,
        consumer_cls=Listener,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel="WARNING",
    )
    worker.start()


def _add_task(app: Celery, link: ServerLink) -> None:
    @app.task(name=TASK_NAME, acks_late=True, ignore_result=True)
    def work(*, version: int = VERSION, **_body: Any) -> None:
        if version > VERSION:
            time.sleep(_UNKNOWN_PAUSE_S)
            raise Reject("it is of a version that this server does not know", requeue=True)
        if link.call() == CallOutcome.BUSY:
            time.sleep(_BUSY_PAUSE_S)
            raise Reject("there is no place here now", requeue=True)


def _beat_s(connection: Connection) -> float:
    return float(connection.get_heartbeat_interval() or 10) / 4


if __name__ == "__main__":
    main(int(sys.argv[1]))
