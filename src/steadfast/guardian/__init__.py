"""The parent process: it starts the server again when it dies or its event loop hangs.

Standard library only, so that it stays small, starts at once and cannot be broken by what it watches.

- the guardian's side: `watch` decides (pure, no I/O), `guard` watches and acts, with `server_process`,
  `orphans`, `live_probe`, `signal_inbox`, `notify` and `json_lines` as its hands
- the server's side: `attach` (called first of all), which holds `heartbeat` and `dump`

The name of a process is shown by `steadfast.process_title`, the only thing outside of this package it uses.
"""
