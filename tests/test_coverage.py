"""tests/coverage.csv: every item of the sources' inventory is taught in a cell, or waits for a notebook to come.

The inventory: five source documents (S0 to S4), 233 items.
"""

import csv
import re
from pathlib import Path

import nbformat

from lab import notebooks

ITEMS = {"S0": 73, "S1": 76, "S2": 28, "S3": 13, "S4": 43}


def rows():
    with open(Path(__file__).with_name("coverage.csv"), newline="") as file:
        return list(csv.DictReader(file))


def test_every_item_has_one_row():
    wanted = [f"{source}-{number:02d}" for source, count in ITEMS.items() for number in range(1, count + 1)]
    assert [row["item"] for row in rows()] == wanted and len(wanted) == 233


def test_rows_point_to_cells_that_exist():
    there = {path.name.split("_")[0]: path for path in notebooks.find(None)}
    for row in rows():
        if row["notebook"] not in there:
            assert re.fullmatch(r"\d\d|A|B|ja", row["notebook"]), row
            assert row["cell"] == "later", f"{row['item']}: notebook {row['notebook']} does not exist yet"
            continue
        ids = {cell.id for cell in nbformat.read(there[row["notebook"]], as_version=4).cells}
        assert row["cell"] in ids, f"{row['item']}: notebook {row['notebook']} has no cell {row['cell']!r}"
