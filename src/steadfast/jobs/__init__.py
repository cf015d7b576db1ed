"""Work that survives anything: recorded before it is confirmed, cut into steps, each leased, each done once.

`job` holds the values, `port` is what the layers above ask for, `work` what the scheduler asks of workers,
`events` are the facts. `docs/decisions/0013-jobs.md` says why it is like this.
"""
