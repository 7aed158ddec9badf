import unittest

from testing import Count, count_in, judge


class Counts(unittest.TestCase):
    def test_our_own_closing_line(self):
        self.assertEqual(count_in('ok a\n12 passed, 3 failed\n'), Count(12, 3))
        self.assertEqual(count_in('1 passed, 0 failed\nmore\n12 passed, 3 failed, 1 skipped\n'), Count(12, 3, 1))

    def test_catch2(self):
        self.assertEqual(count_in('=====\nAll tests passed (34 assertions in 12 test cases)\n'), Count(12))
        self.assertEqual(count_in('All tests passed (1 assertion in 1 test case)\n'), Count(1))
        for summary, count in [
            ('test cases: 12 | 10 passed | 2 failed\nassertions: 40 | 38 passed | 2 failed\n', Count(10, 2)),
            ('test cases: 4 | 1 passed | 1 failed | 1 skipped | 1 failed as expected\n', Count(2, 1, 1)),
            ('test cases: 2 | 2 skipped\n', Count(0, 0, 2)),
        ]:
            with self.subTest(summary):
                self.assertEqual(count_in(summary), count)
        self.assertEqual(count_in('No tests ran\n'), Count())

    def test_unittest(self):
        self.assertEqual(count_in('...\nRan 3 tests in 0.001s\n\nOK\n'), Count(3))
        self.assertEqual(count_in('Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n'), Count(1, 3, 1))

    def test_nothing_counted(self):
        self.assertIsNone(count_in('hello\n'))


class Verdicts(unittest.TestCase):
    def test_a_program_without_a_count_is_one_test(self):
        self.assertEqual(judge('', 0), Count(1))
        self.assertEqual(judge('', 2), Count(0, 1))
        self.assertEqual(judge('', 77), Count(0, 0, 1))

    def test_a_crash_after_passing_tests_is_a_failure(self):
        self.assertEqual(judge('All tests passed (3 assertions in 2 test cases)\n', -11), Count(2, 1))
        self.assertEqual(judge('2 passed, 1 failed\n', 1), Count(2, 1))


if __name__ == '__main__':
    unittest.main()
