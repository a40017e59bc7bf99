"""Answer scoring requests, served by azureml-inference-server-http.

Request  {"data": [[10 numbers], ...]}
Answer   {"result": [one number per row]}, or status 400 and {"message": what is wrong}
"""

import json
import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.linear_model import Ridge

MODEL_FILE = "diabetes_regression_model.pkl"
LARGEST = 1e100  # predictions for anything beyond may overflow

model: Ridge


class BadRequestError(ValueError):
    """What is wrong with a request, in words for its sender."""


def init() -> None:
    """Load the model. Called once, when the server starts."""
    global model
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    found = sorted(folder.rglob(MODEL_FILE))  # may lie in a folder of its own
    if len(found) != 1:
        raise FileNotFoundError(f"{folder} holds {len(found)} files {MODEL_FILE}, expected one")
    model = joblib.load(found[0])
    print(f"model: {found[0]}")


def run(data: str) -> Any:
    """Answer one request. `data` is the text of its body."""
    try:
        rows = read_rows(data, model.n_features_in_)
    except BadRequestError as error:
        return refuse(str(error))
    return {"result": model.predict(rows).tolist()}


def read_rows(body: str, features: int) -> np.ndarray:
    if not body:  # the server hides bodies that are declared as forms
        raise BadRequestError("the body is empty, or its Content-Type is not application/json")
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"the body is not JSON: {error}") from None
    rows = request.get("data") if isinstance(request, dict) else None
    if not isinstance(rows, list) or not rows:
        raise BadRequestError('the body must be {"data": [[...], ...]}, with at least one row')
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != features or not all(map(is_number, row)):
            raise BadRequestError(f"row {number} must be a list of {features} finite numbers")
    return np.array(rows, dtype=float)


def is_number(value: Any) -> bool:
    """True and false are ints to Python, NaN and Infinity are JSON to it; none is a feature."""
    return type(value) in (int, float) and abs(value) <= LARGEST


def refuse(message: str) -> Any:
    # Imported here because only the image has the server; lint and unit tests do without.
    from azureml_inference_server_http.api.aml_response import AMLResponse

    return AMLResponse({"message": message}, 400, json_str=True)
