"""The tutorial notebook runs from its first cell to its last, and was committed with the outputs of such a run."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.ipynb"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def committed():
    notebook = nbformat.read(TUTORIAL, as_version=4)
    nbformat.validate(notebook)
    return notebook


@pytest.mark.slow
def test_it_runs_with_few_reward_functions(committed, tmp_path, monkeypatch):
    monkeypatch.setenv("POWERENVS_TUTORIAL_SAMPLES", "60")
    notebook = nbformat.from_dict(committed)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    client.execute()  # raises where a cell does
    kinds = [{kind for output in cell.outputs for kind in output.get("data", {})} for cell in code_cells(notebook)]
    assert sum("image/png" in kind for kind in kinds) == 6
    assert sum("image/gif" in kind for kind in kinds) == 1
    assert not [
        output.text for cell in code_cells(notebook) for output in cell.outputs if output.get("name") == "stderr"
    ]
    assert list(tmp_path.iterdir()) == []  # it writes to a folder of its own


def test_it_was_committed_whole(committed):
    cells = code_cells(committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
    assert "5,000 reward functions" in "".join(output.get("text", "") for output in outputs)
    assert TUTORIAL.stat().st_size < 600_000


def test_its_links_lead_somewhere(committed):
    text = "\n".join(cell.source for cell in committed.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#:]+)[^)]*\)", text)
    assert links
    assert [link for link in links if not (TUTORIAL.parent / link).exists()] == []
