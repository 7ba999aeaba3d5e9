"""Identity policies, which plans and snapshots share."""

from fairlift.engine.identity import IdentityPolicy
from fairlift.v1 import plan_pb2
from fairlift.wire.enums import EnumTable

IDENTITY_POLICIES = EnumTable(IdentityPolicy, plan_pb2.IdentityPolicy, "IDENTITY_POLICY")
