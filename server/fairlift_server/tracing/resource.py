"""What a collector is told of the process that its traces and figures come from."""

import uuid
from importlib.metadata import version

from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource


def server_resource() -> Resource:
    """The process's name, version and instance; OTEL_… variables may name it otherwise."""
    chosen = Resource.create()
    resource = Resource({SERVICE_INSTANCE_ID: str(uuid.uuid4())}).merge(chosen)
    if str(chosen.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "fairlift-server"}))
    return resource.merge(Resource({SERVICE_VERSION: version("fairlift")}))
