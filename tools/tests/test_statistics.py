import unittest

from harness.statistics import median_interval, paired_ratios


class Medians(unittest.TestCase):
    def test_ranks_of_twenty_are_the_sixth_and_the_fifteenth(self):
        self.assertEqual(median_interval(range(1, 21)), (10.5, 6, 15))

    def test_ranks_of_few(self):
        self.assertEqual(median_interval([3, 1, 2]), (2, 1, 3))
        self.assertEqual(median_interval([7]), (7, 7, 7))
        self.assertEqual(median_interval([6, 5, 4, 3, 2, 1]), (3.5, 1, 6))

    def test_order_does_not_matter(self):
        self.assertEqual(median_interval([5, 1, 4, 2, 3, 9, 8, 7, 6]), median_interval(range(1, 10)))


class Pairs(unittest.TestCase):
    def test_rounds_that_failed_are_left_out(self):
        self.assertEqual(paired_ratios([2, None, 9], [4, 5, None]), [0.5])


if __name__ == '__main__':
    unittest.main()
