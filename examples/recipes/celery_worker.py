"""Celery: orders that are recorded in the background, by workers that are forked.

    celery -A examples.recipes.celery_worker worker

The client is created when the worker starts; each forked child gets its own connection. Such
children end by `os._exit`, so Celery's signal for the end of a child sends the last events.
"""

import os

from celery import Celery
from celery.signals import worker_process_shutdown
from fairlift import Client, OrderLine, micros

app = Celery("shop", broker=os.environ["BROKER"])
app.conf.broker_transport_options = {
    "data_folder_in": os.environ.get("BROKER_FOLDER", ""),
    "data_folder_out": os.environ.get("BROKER_FOLDER", ""),
    "control_folder": os.environ.get("BROKER_FOLDER", ""),
}
fairlift = Client(os.environ["FAIRLIFT_SERVER"])


@app.task  # type: ignore[untyped-decorator]  # Celery is published without types
def record_order(visitor: str, order_id: str, price: str) -> None:
    """Prices travel as text: a float could not hold them."""
    fairlift.order(visitor, order_id, [OrderLine("p", 1, micros(price))], currency="EUR")


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]  # as above
def send_the_rest(**_: object) -> None:
    """Gives the last events two seconds."""
    fairlift.close(2.0)
