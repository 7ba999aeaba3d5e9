"""Writes log records as JSON, one object a line."""

import json
import logging
import time

from fairlift_server.request_ids import CURRENT


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: text in a message cannot forge another line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON object."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if request_id := CURRENT.get():
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
