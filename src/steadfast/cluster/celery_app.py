"""The Celery application: how messages are kept and given out. Only messengers and operators' tools import
it.

`celery --app steadfast.cluster.celery_app inspect active` shows what is in work; flower works as well.
"""

from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from steadfast.cluster.message import TASK_NAME

_BROKER_WITHIN_S = 4.0
_LEASES = 10
"""How many leases long the broker waits for an acknowledgement. Nothing depends on it: a message that comes
again finds its step leased, and one that is lost is sent again by the reconciler."""


def make_app(broker_url: str, queues: tuple[str, ...] = (), *, lease_s: float = 60.0) -> Celery:
    """An application for that broker; `queues`: which its workers listen to."""
    app = Celery("steadfast", broker=broker_url, backend=None, set_as_current=False)
    is_rabbitmq = broker_url.startswith("amqp")
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure_or_timeout=True,
        task_queues=[queue(name, broker_url, lease_s=lease_s) for name in queues],
        task_create_missing_queues=False,
        task_default_queue=queues[0] if queues else "steadfast",
        task_default_queue_type="quorum" if is_rabbitmq else "classic",
        worker_prefetch_multiplier=1,
        worker_detect_quorum_queues=is_rabbitmq,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # A messenger whose broker is gone ends, and another one is begun: libraries that connect again have
        # been seen to go on without hearing anything.
        broker_connection_retry=False,
        broker_connection_retry_on_startup=False,
        broker_channel_error_retry=False,
        broker_connection_timeout=_BROKER_WITHIN_S,
        broker_heartbeat=10,
        broker_transport_options=_transport_options(is_rabbitmq=is_rabbitmq, lease_s=lease_s),
        worker_cancel_long_running_tasks_on_connection_loss=True,
    )
    return app


def queue(name: str, broker_url: str, *, lease_s: float) -> Queue:
    """A durable queue, reached by its name alone: nothing has to be bound again."""
    arguments: dict[str, Any] = {}
    if broker_url.startswith("amqp"):
        arguments = {"x-queue-type": "quorum", "x-consumer-timeout": int(_LEASES * lease_s * 1000)}
    return Queue(name, exchange=Exchange(""), routing_key=name, durable=True, queue_arguments=arguments)


def _transport_options(*, is_rabbitmq: bool, lease_s: float) -> dict[str, Any]:
    if is_rabbitmq:
        return {"confirm_publish": True, "read_timeout": _BROKER_WITHIN_S, "write_timeout": _BROKER_WITHIN_S}
    return {
        "visibility_timeout": _LEASES * lease_s,
        "socket_timeout": _BROKER_WITHIN_S,
        "socket_connect_timeout": _BROKER_WITHIN_S,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


def __getattr__(name: str) -> Any:
    """`app`, as the `celery` command wants it: of the settings of this machine."""
    if name not in ("app", "celery"):
        raise AttributeError(name)
    from steadfast.settings import load_settings  # noqa: PLC0415

    settings = load_settings(None)
    app = make_app(settings.cluster.broker() or "memory://", lease_s=settings.jobs.lease_s)
    app.task(name=TASK_NAME)(_only_named)
    return app


def _only_named(**_body: Any) -> None:
    """So that tools know the task's name; messengers have the one that works."""
