import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

import score


class TestScore(unittest.TestCase):
    def test_each_row_has_an_answer(self):
        score.init()
        self.assertEqual(len(score.run('{"data": [1.0, 2.0]}')["result"]), 2)
