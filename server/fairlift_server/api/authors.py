"""Who calls: the token, the person and the network address, for the history."""

from fairlift_server.access.live_tokens import LiveTokens
from fairlift_server.api.bearer import USER_HEADER, address_of, bearer_token, value_of
from fairlift_server.api.call_record import Context
from fairlift_server.store.history import Author

_MAX_USER = 64


class Authors:
    """Tells the authors of calls that were admitted."""

    def __init__(self, tokens: LiveTokens) -> None:
        self._tokens = tokens

    def of(self, context: Context) -> Author:
        """The author of a call."""
        metadata = context.invocation_metadata() or ()
        user = "".join(filter(str.isprintable, value_of(USER_HEADER, metadata)))[:_MAX_USER]
        return Author(self._tokens.name(bearer_token(metadata)), user, address_of(context.peer()))
