import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "training"))

from train import fit

ROWS = [(1.0, 3.0), (2.0, 5.0), (3.0, 7.0)]


class TestFit(unittest.TestCase):
    def test_a_line_is_found(self):
        self.assertEqual(fit("line", ROWS), (2.0, 1.0))

    def test_a_mean_is_no_line(self):
        self.assertEqual(fit("mean", ROWS), (0.0, 5.0))
