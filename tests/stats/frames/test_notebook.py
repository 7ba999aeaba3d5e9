"""The example's notebook runs from top to bottom, and shows the report as HTML."""

import asyncio
from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parents[3]


# What Jupyter's own packages warn of is their business.
@pytest.mark.filterwarnings("default")
def test_notebook_runs_and_shows_its_report() -> None:
    path = ROOT / "examples" / "notebook" / "coupon.ipynb"
    notebook = nbformat.reads(path.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3")

    asyncio.run(client.async_execute())

    shown = [
        output.data
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "execute_result"
    ]
    (report,) = [data for data in shown if "fairlift-notebook" in data.get("text/html", "")]
    assert "20,000 units" in report["text/plain"]
    assert "conversion_rate by device" in report["text/html"]
    assert "<svg" in report["text/html"]
    last = notebook.cells[-1].outputs[0].text
    assert "The equal split is plausible" in last
