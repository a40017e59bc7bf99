"""Unit tests of the scoring script. What needs the server is in image_tests/."""

import json
import re
from pathlib import Path

import joblib
import numpy as np
import pytest

from scoring import score
from training.train import split_data, train_model

ROOT = Path(__file__).parent.parent


@pytest.fixture
def model_folder(tmp_path, monkeypatch):
    """A folder with a model as Azure ML lays it out."""
    split = split_data(np.loadtxt(ROOT / "data/diabetes.csv", delimiter=",", skiprows=1), 0.2, 0)
    folder = tmp_path / "diabetes_regression_model" / "1"
    folder.mkdir(parents=True)
    joblib.dump(train_model(split.x_train, split.y_train, alpha=0.4), folder / score.MODEL_FILE)
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    return folder


def test_answers_one_number_per_row(model_folder):
    score.init()
    answer = score.run((ROOT / "scoring/smoke.json").read_text(encoding="utf-8"))

    assert answer == {"result": pytest.approx([5215.1803, 3727.0253], abs=1e-3)}
    assert json.loads(json.dumps(answer)) == answer


def test_init_says_where_it_missed_the_model(model_folder):
    (model_folder / score.MODEL_FILE).unlink()

    with pytest.raises(FileNotFoundError, match="holds 0 files"):
        score.init()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", "Content-Type is not application/json"),
        ("data", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be"),
        ("{}", "must be"),
        ('{"data": []}', "at least one row"),
        ('{"data": 1}', "at least one row"),
        ('{"data": [[1, 2], 3]}', "row 2"),
        ('{"data": [[1, 2, 3]]}', "row 1 must be a list of 2 finite numbers"),
        ('{"data": [[1, "2"]]}', "row 1"),
        ('{"data": [[1, true]]}', "row 1"),
        ('{"data": [[1, null]]}', "row 1"),
        ('{"data": [[1, NaN]]}', "row 1"),
        ('{"data": [[1, 1e400]]}', "row 1"),
        ('{"data": [[1, 1' + "0" * 400 + "]]}", "row 1"),
    ],
)
def test_a_wrong_body_is_explained(body, expected):
    with pytest.raises(score.BadRequestError, match=re.escape(expected)):
        score.read_rows(body, features=2)


@pytest.mark.parametrize("other", ["requirements-ci.txt", "scoring/requirements.txt"])
def test_tested_and_served_with_the_libraries_of_training(other):
    def pins(file: str) -> set[str]:
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        return {line for line in lines if line and not line.startswith("#")}

    assert pins("requirements.txt") <= pins(other)
