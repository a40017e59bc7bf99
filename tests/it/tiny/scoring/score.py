"""The scoring script: multiplies each number, and says which model did."""

import json
import os
from pathlib import Path

VERSION = 1


def init():
    global model
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    model = json.loads(next(folder.rglob("model.json")).read_text(encoding="utf-8"))
    # A deployment's folder is named for its environment.
    breaks_in = model["breaks_in"]
    if breaks_in and f"-{breaks_in}-" in str(folder):
        model["factor"] = -1


def run(data):
    numbers = json.loads(data)["data"]
    return {"result": [number * model["factor"] for number in numbers], "mse": model["mse"], "script": VERSION}
