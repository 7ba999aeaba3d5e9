"""What a change would do."""

from fairlift.engine.change import ChangeClass, FieldChange
from fairlift.v1 import campaign_service_pb2 as pb
from fairlift.wire.enums import EnumTable

CHANGE_CLASSES = EnumTable(ChangeClass, pb.ChangeClass, "CHANGE_CLASS")


def change_to(change: FieldChange) -> pb.FieldChange:
    """The change of one field as a message."""
    return pb.FieldChange(
        field=change.field,
        before=change.before,
        after=change.after,
        change_class=CHANGE_CLASSES.to(change.change_class),
        reason=change.reason,
    )
