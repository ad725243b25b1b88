"""Run by Alembic: applies the revisions on the connection that `database` hands over."""

from alembic import context

from tertulia.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by making a new one
)
with context.begin_transaction():
    context.run_migrations()
