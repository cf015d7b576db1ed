"""The one place where the service keeps what must survive: an engine, a schema with one history,
transactions.

SQLite in the data folder by default, PostgreSQL by URL. Tables and repositories live with the nouns that own
them (`admission.keys`, `admission.idempotency`, …) and register in `schema.METADATA`; here is only what they
share. `docs/decisions/0007-database.md` says why it is like this.
"""
