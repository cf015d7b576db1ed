"""What Alembic runs: migrations on the connection, and inside the transaction, that `migration.upgrade`
opened.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
