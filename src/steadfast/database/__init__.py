"""The one place where the service keeps what must survive: an engine, a schema with one history.

SQLite in the data folder by default, PostgreSQL by URL. Tables and repositories live with the nouns that own
them (`admission.keys`, `admission.idempotency`, …); here is only what they share. A new table: declare it on
`schema.METADATA` beside its repository, and add `migrations/versions/000N_….py` that makes it; a test holds
the two together on both databases. `docs/decisions/0007-database.md` says why it is like this.
"""
