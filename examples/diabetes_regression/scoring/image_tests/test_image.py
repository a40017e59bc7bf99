"""Tests of the image. They run inside its content: scoring/, the model, the server installed.

AZUREML_MODEL_DIR   the model's folder
TRAINYARD_HOLDOUT   data the model has never seen, CSV like the training data; optional
"""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

SCORING = Path(__file__).parent.parent
MIN_R2 = 0.25  # 0 is a model that always answers the mean


@pytest.fixture(scope="module")
def score():
    """The scoring script, loaded and started as the server does it."""
    spec = importlib.util.spec_from_file_location("entry_module", SCORING / "score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.init()
    return module


def test_answers_the_smoke_rows(score):
    body = (SCORING / "smoke.json").read_text(encoding="utf-8")
    result = score.run(body)["result"]

    assert len(result) == len(json.loads(body)["data"])
    assert np.isfinite(result).all()


@pytest.mark.parametrize("body", ["", "{}", '{"data": [[1, 2, 3]]}'])
def test_a_wrong_body_is_refused(score, body):
    response = score.run(body)

    assert response.status_code == 400
    assert response.get_json()["message"]


@pytest.mark.skipif("TRAINYARD_HOLDOUT" not in os.environ, reason="no hold-out data")
def test_predicts_data_it_has_never_seen(score):
    table = np.loadtxt(os.environ["TRAINYARD_HOLDOUT"], delimiter=",", skiprows=1, ndmin=2)
    features, target = table[:, :-1], table[:, -1]
    result = score.run(json.dumps({"data": features.tolist()}))["result"]

    r2 = 1 - np.mean((target - result) ** 2) / np.var(target)
    assert r2 >= MIN_R2
