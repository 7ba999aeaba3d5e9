"""What Alembic runs to migrate: on the connection that the store hands in."""

from alembic import context
from fairlift_server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
