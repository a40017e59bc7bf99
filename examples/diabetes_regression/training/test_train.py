import json

import numpy as np
import pytest

from training import train


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """A training job on the real data, with parameters of its own."""
    parameters = {"training": {"alpha": 0.4, "test_size": 0.2, "random_state": 0}}
    (tmp_path / "parameters.json").write_text(json.dumps(parameters), encoding="utf-8")
    monkeypatch.setenv("TRAINYARD_PARAMETERS", str(tmp_path / "parameters.json"))
    monkeypatch.setenv("TRAINYARD_OUTPUTS", str(tmp_path / "outputs"))
    train.main()
    return tmp_path / "outputs"


def test_split_takes_the_last_column_as_target_and_never_as_feature():
    table = np.arange(50.0).reshape(10, 5)
    split = train.split_data(table, test_size=0.2, random_state=0)

    assert split.x_train.shape == (8, 4)
    assert split.x_test.shape == (2, 4)
    assert sorted([*split.y_train, *split.y_test]) == list(table[:, -1])


def test_split_is_the_same_every_time():
    table = np.arange(50.0).reshape(10, 5)
    first, second = (train.split_data(table, 0.2, random_state=7) for _ in range(2))

    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_train_model_shrinks_the_slope_by_alpha():
    x = np.array([[-1.0], [0.0], [1.0]])
    y = np.array([-3.0, 0.0, 3.0])

    # one centred feature: slope = sum(x y) / (sum(x x) + alpha)
    assert train.train_model(x, y, alpha=0.0).coef_ == pytest.approx([3.0])
    assert train.train_model(x, y, alpha=1.0).coef_ == pytest.approx([2.0])


def test_metrics_of_known_errors():
    class Fixed:
        def predict(self, x):
            return np.array([1.0, 2.0, 5.0])

    metrics = train.get_model_metrics(Fixed(), np.zeros((3, 1)), np.array([1.0, 2.0, 3.0]))

    assert metrics == pytest.approx(
        {"mse": 4 / 3, "rmse": (4 / 3) ** 0.5, "mae": 2 / 3, "r2": -1.0}
    )


def test_job_writes_flat_metrics_and_the_model(outputs):
    metrics = json.loads((outputs / "metrics.json").read_text(encoding="utf-8"))

    assert metrics.keys() == {"mse", "rmse", "mae", "r2", "alpha"}
    assert metrics["alpha"] == 0.4
    assert metrics["mse"] == pytest.approx(3295.7149, abs=1e-4)
    assert (outputs / train.MODEL_FILE).stat().st_size > 0


def test_job_twice_gives_the_same_bytes(outputs):
    files = [outputs / train.MODEL_FILE, outputs / "metrics.json"]
    before = [file.read_bytes() for file in files]
    train.main()

    assert [file.read_bytes() for file in files] == before
