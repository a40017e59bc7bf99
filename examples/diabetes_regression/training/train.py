"""Train the model: ridge regression on the diabetes data.

A training job gets three paths and leaves two files:

TRAINYARD_PARAMETERS  parameters.json, its "training" part is used
TRAINYARD_DATA        the data, CSV with a header, target in the last column
TRAINYARD_OUTPUTS     folder for metrics.json and diabetes_regression_model.pkl
"""

import json
import math
import os
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import train_test_split

MODEL_FILE = "diabetes_regression_model.pkl"


class Split(NamedTuple):
    x_train: np.ndarray
    x_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray


def split_data(table: np.ndarray, test_size: float, random_state: int) -> Split:
    """Rows to train on and rows to test with. The last column is the target."""
    features, target = table[:, :-1], table[:, -1]
    return Split(
        *train_test_split(features, target, test_size=test_size, random_state=random_state)
    )


def train_model(x: np.ndarray, y: np.ndarray, alpha: float) -> Ridge:
    return Ridge(alpha=alpha).fit(x, y)


def get_model_metrics(model: Ridge, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """How far the model's predictions for x are from y."""
    predicted = model.predict(x)
    mse = float(mean_squared_error(y, predicted))
    return {
        "mse": mse,
        "rmse": math.sqrt(mse),
        "mae": float(mean_absolute_error(y, predicted)),
        "r2": float(r2_score(y, predicted)),
    }


def main() -> None:
    parameters_file = Path(os.environ.get("TRAINYARD_PARAMETERS", "parameters.json"))
    data_file = Path(os.environ.get("TRAINYARD_DATA", "data/diabetes.csv"))
    outputs = Path(os.environ.get("TRAINYARD_OUTPUTS", "outputs"))

    parameters = json.loads(parameters_file.read_text(encoding="utf-8"))["training"]
    alpha = float(parameters["alpha"])
    table = np.loadtxt(data_file, delimiter=",", skiprows=1, ndmin=2)
    split = split_data(table, parameters["test_size"], parameters["random_state"])
    print(f"data: {data_file}, {len(split.y_train)} rows to train, {len(split.y_test)} to test")

    model = train_model(split.x_train, split.y_train, alpha)
    metrics = {**get_model_metrics(model, split.x_test, split.y_test), "alpha": alpha}
    print("metrics:", ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))

    outputs.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, outputs / MODEL_FILE)
    (outputs / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(f"written: {outputs / MODEL_FILE}, {outputs / 'metrics.json'}")


if __name__ == "__main__":
    main()
