"""How the database becomes what `schema` says: Alembic revisions, run when the server starts."""

HEAD = "0002"  # the newest revision; a database that has it is opened without loading Alembic
