"""Fits a line, or less, to the data. Leaves its model and how far it is off."""

import csv
import json
import os


def fit(kind, rows):
    """Slope and intercept."""
    if kind == "zero":
        return 0.0, 0.0
    mean_x = sum(x for x, _ in rows) / len(rows)
    mean_y = sum(y for _, y in rows) / len(rows)
    if kind == "mean":
        return 0.0, mean_y
    slope = sum((x - mean_x) * (y - mean_y) for x, y in rows) / sum((x - mean_x) ** 2 for x, _ in rows)
    return slope, mean_y - slope * mean_x


def main():
    with open(os.environ["TRAINYARD_PARAMETERS"], encoding="utf-8") as file:
        kind = json.load(file)["fit"]
    with open(os.environ["TRAINYARD_DATA"], encoding="utf-8") as file:
        rows = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]
    slope, intercept = fit(kind, rows)
    mse = sum((slope * x + intercept - y) ** 2 for x, y in rows) / len(rows)
    left = {"metrics.json": {"mse": mse}, "model.json": {"slope": slope, "intercept": intercept}}
    for name, what in left.items():
        with open(os.path.join(os.environ["TRAINYARD_OUTPUTS"], name), "w", encoding="utf-8") as file:
            json.dump(what, file)


if __name__ == "__main__":
    main()
