"""The training: writes the numbers that parameters.json says.

mse        the metric
factor     what the model multiplies by; 1 is right
breaks_in  an environment in which the model answers wrongly
trouble    "fails", "hangs", "no metric", "no model": what goes wrong
while      the trouble lasts while there is a file by this name
"""

import json
import os
import sys
import time
from pathlib import Path

parameters = json.loads(Path(os.environ["TRAINYARD_PARAMETERS"]).read_text(encoding="utf-8"))
outputs = Path(os.environ["TRAINYARD_OUTPUTS"])
rows = Path(os.environ["TRAINYARD_DATA"]).read_text(encoding="utf-8").splitlines()
print(f"training on {len(rows) - 1} rows", flush=True)

trouble = parameters.get("trouble")
if "while" in parameters and not Path(parameters["while"]).exists():
    trouble = None

if trouble == "hangs":
    print("hanging", flush=True)
    time.sleep(3600)
if trouble == "fails":
    sys.exit("the training data is broken")

metrics = {"rows": len(rows) - 1} if trouble == "no metric" else {"mse": parameters["mse"]}
(outputs / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
if trouble != "no model":
    model = {name: parameters.get(name) for name in ("mse", "factor", "breaks_in")}
    (outputs / "model.json").write_text(json.dumps(model), encoding="utf-8")
