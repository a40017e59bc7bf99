"""The unit tests: one, which looks at the parameters. Leaves the reports that pytest would."""

import json
import sys
from pathlib import Path

parameters = json.loads(Path("parameters.json").read_text(encoding="utf-8"))
wrong = parameters["mse"] < 0

case = '<testcase classname="parameters" name="test_mse_is_not_negative">'
case += '<failure message="mse is negative"/></testcase>' if wrong else "</testcase>"
Path("unit-testresults.xml").write_text(
    f'<testsuite name="unit" tests="1" failures="{int(wrong)}">{case}</testsuite>\n', encoding="utf-8"
)
Path("coverage.xml").write_text(
    '<coverage line-rate="0.9" lines-valid="10" lines-covered="9"></coverage>\n', encoding="utf-8"
)
print("1 failed" if wrong else "1 passed")
sys.exit(wrong)
