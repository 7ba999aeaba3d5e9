"""Which roles may make which call: one row for each method. A method without a row cannot start.

docs/operating.md has the same table, and a test compares the two.
"""

from collections.abc import Mapping

from fairlift_server.access.roles import Role

_ADMIN = frozenset({Role.ADMIN})
_EDIT = _ADMIN | {Role.EDITOR}
_READ = _EDIT | {Role.READER}
# Snapshots hold salts, and events change results.
_STOREFRONT = _ADMIN | {Role.STOREFRONT}
# api/sender_checks.py says which events of a relay are taken.
_RECORD = _STOREFRONT | {Role.RELAY}
_ASSIGN = _RECORD | {Role.EVALUATE}
_ANY = frozenset(Role)
# A token of the role evaluate stands in every page.
_SECRET = _ANY - {Role.EVALUATE}

# Load balancers check health without a token.
WITHOUT_TOKEN = "/grpc.health.v1.Health/"

_BY_SERVICE: Mapping[str, Mapping[str, frozenset[Role]]] = {
    "fairlift.v1.AssignmentService": {
        "AssignVariants": _ASSIGN,
        "WatchSnapshot": _STOREFRONT,
    },
    "fairlift.v1.EventService": {
        "RecordEvents": _RECORD,
        "StreamEvents": _RECORD,
    },
    "fairlift.v1.CampaignService": {
        "GetCampaign": _READ,
        "ListCampaigns": _READ,
        "PlanChange": _READ,
        "ListChanges": _READ,
        "GetHoldout": _READ,
        "CreateCampaign": _EDIT,
        "UpdateCampaign": _EDIT,
        "BatchUpdateCampaigns": _EDIT,
        "StartCampaign": _EDIT,
        "PauseCampaign": _EDIT,
        "ResumeCampaign": _EDIT,
        "StopCampaign": _EDIT,
        "ArchiveCampaign": _EDIT,
        "UpdateHoldout": _ADMIN,
    },
    "fairlift.v1.ResultsService": {
        "GetResults": _READ,
        "ListReports": _READ,
        "ListLooks": _READ,
        "WatchResults": _READ,
        "GetHealth": _READ,
    },
    "fairlift.v1.AdminService": {
        "CreateToken": _ADMIN,
        "ListTokens": _ADMIN,
        "RotateToken": _ADMIN,
        "RevokeToken": _ADMIN,
        "GetSettings": _ADMIN,
        "UpdateSettings": _ADMIN,
        "ListAudit": _ADMIN,
        "EraseUnit": _ADMIN,
        "ExportUnit": _ADMIN,
    },
    "grpc.health.v1.Health": {"Check": _ANY, "Watch": _ANY},
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": _SECRET},
}

ROLES: Mapping[str, frozenset[Role]] = {
    f"/{service}/{method}": roles
    for service, methods in _BY_SERVICE.items()
    for method, roles in methods.items()
}


def needed(method: str) -> str:
    """The roles of a method in words, such as "editor or admin"."""
    return " or ".join(role for role in Role if role in ROLES[method])
