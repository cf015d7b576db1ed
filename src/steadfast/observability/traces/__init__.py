"""Traces: what became of one request or job on its way through HTTP, the queue, a worker and its stages."""
