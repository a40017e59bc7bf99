"""Stands for pytest in environments that nobody installs: runs the same tests and leaves the same report."""

import sys
import unittest
from xml.sax.saxutils import quoteattr


def main(arguments):
    folder = [word for word in arguments if not word.startswith("-") and ":" not in word][-1]
    report = next(word.partition("=")[2] for word in arguments if word.startswith("--junitxml="))
    suite = unittest.TestLoader().discover(folder, pattern="test_*.py", top_level_dir=folder)
    names = [test.id() for group in suite for each in group for test in each]
    result = unittest.TextTestRunner(stream=sys.stdout).run(suite)
    red = {test.id(): text for test, text in result.failures + result.errors}
    cases = "".join(
        "<testcase classname=%s name=%s>%s</testcase>"
        % (
            quoteattr(name.rpartition(".")[0]),
            quoteattr(name.rpartition(".")[2]),
            "<failure message=%s/>" % quoteattr(red[name]) if name in red else "",
        )
        for name in names
    )
    with open(report, "w", encoding="utf-8") as file:
        file.write('<testsuite name="pytest" tests="%d" failures="%d">%s</testsuite>' % (len(names), len(red), cases))
    return 0 if result.wasSuccessful() and names else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
