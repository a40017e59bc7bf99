"""The data test: is the data what training expects, and does it look like the data of old?

`reference.json` holds mean and standard deviation of every column, in the order of the file.
"""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TRAINYARD_DATA", HERE / "diabetes.csv"))
REFERENCE = json.loads((HERE / "reference.json").read_text(encoding="utf-8"))
MAX_MEAN_SHIFT = 3  # in standard deviations of the reference
MAX_STD_RATIO = 3


def find_problems(path: Path) -> list[str]:
    """What is wrong with a data file, worst first; empty if nothing is."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]

    if header != list(REFERENCE):
        return [f"schema: columns are {header}, expected {list(REFERENCE)}"]
    if not rows:
        return ["schema: no rows"]

    problems = []
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            problems.append(f"schema: line {line} has {len(row)} cells, expected {len(header)}")
        for column, cell in zip(header, row, strict=False):
            if not is_number(cell):
                kind = "schema" if cell.strip() else "missing"
                problems.append(f"{kind}: line {line}, {column} is {cell!r}")
    if problems:
        return problems

    table = np.array(rows, dtype=float)
    for column, mean, std in zip(header, table.mean(axis=0), table.std(axis=0), strict=True):
        reference = REFERENCE[column]
        shift = abs(mean - reference["mean"]) / reference["std"]
        ratio = std / reference["std"]
        if shift > MAX_MEAN_SHIFT:
            problems.append(f"distribution: mean of {column} moved by {shift:.1f} std")
        if ratio > MAX_STD_RATIO:
            problems.append(f"distribution: std of {column} is {ratio:.1f} times the old one")
    return problems


def is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def test_the_data_set_is_good():
    assert find_problems(DATA) == []


@pytest.fixture
def write(tmp_path):
    """Writes a data file of the given rows (text by column), 0 wherever nothing is said."""

    def write(*rows: dict[str, object], header: list[str] | None = None) -> Path:
        path = tmp_path / "data.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, header or list(REFERENCE), restval=0)
            writer.writeheader()
            writer.writerows({"Y": 150} | row for row in rows)
        return path

    return write


def test_ordinary_rows_pass(write):
    assert find_problems(write({"AGE": 0.05}, {"AGE": -0.05, "BMI": 0.1})) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "schema: no rows"),
        ([{"AGE": ""}], "missing: line 2, AGE is ''"),
        ([{"AGE": "old"}], "schema: line 2, AGE is 'old'"),
        ([{"AGE": "nan"}], "schema: line 2, AGE is 'nan'"),
        ([{"AGE": 50}, {"AGE": 50}], "distribution: mean of AGE moved by 1051.2 std"),
        ([{"BP": 0.2}, {"BP": -0.2}], "distribution: std of BP is 4.2 times the old one"),
    ],
)
def test_bad_rows_are_found(write, rows, expected):
    assert find_problems(write(*rows)) == [expected]


def test_a_missing_column_is_found(write):
    header = [column for column in REFERENCE if column != "AGE"]

    [problem] = find_problems(write({}, header=header))
    assert problem.startswith("schema: columns are ['SEX'")


def test_a_short_row_and_an_empty_file_are_found(write, tmp_path):
    path = write({})
    path.write_text(path.read_text(encoding="utf-8") + "1,2,3\n", encoding="utf-8")
    assert find_problems(path) == ["schema: line 3 has 3 cells, expected 11"]

    path.write_text("", encoding="utf-8")
    assert find_problems(path)[0].startswith("schema: columns are []")
