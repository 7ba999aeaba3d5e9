"""What a copy of the ledger holds, in SQL: its files are attached to a connection."""

from dataclasses import dataclass

from fairlift_server.analysis.answer_origin import CopyState
from fairlift_server.analysis.copied_tables import RESTATEMENTS, counted_rows
from fairlift_server.analysis.copy_manifest import CopiedFile, CopyManifest


@dataclass(frozen=True, slots=True)
class OpenedCopy:
    """A copy whose files are attached to a connection: they are read even if they are removed.

    Attributes:
        manifest: of what it holds.
    """

    manifest: CopyManifest

    @property
    def state(self) -> CopyState:
        """The state that it is in."""
        return CopyState(self.manifest.name, self.manifest.generation)

    @property
    def has_links(self) -> bool:
        """Whether any ids are linked."""
        return any(file.links for file in self.manifest.files)

    @property
    def has_restated(self) -> bool:
        """Whether any rows count no more."""
        return any(file.restated for file in self.manifest.files)

    def rows(self, table: str) -> str:
        """What stands after FROM for all that was copied of a table, with its generation."""
        schemas = map(schema_of, self.manifest.files)
        parts = " UNION ALL ".join(f"SELECT * FROM {schema}.{table}" for schema in schemas)
        return f"({parts})"

    def counted(self, table: str) -> str:
        """A query for the rows of a table of the ledger as it is now."""
        restated = self.rows(RESTATEMENTS) if self.has_restated else ""
        manifest = self.manifest
        return counted_rows(
            table, self.rows(table), restated, manifest.generation, manifest.costs_since
        )


def schema_of(file: CopiedFile) -> str:
    """The name under which a file is attached."""
    return "copy_" + file.name.partition(".")[0].replace("-", "_")
