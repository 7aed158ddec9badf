import pathlib
import tempfile
import unittest

from harness import report


def turn(cpu, p99=100):
    return {'cpu_us': cpu, 'rate': 1000, 'p50_us': 50, 'p99_us': p99}


class Tables(unittest.TestCase):
    def test_ratios_are_of_ours_to_each(self):
        results = {'plain': {'new': [turn(9), turn(12)], 'nginx': [turn(10), turn(12)]}}
        table = report.case_table('plain', results, ['new'])
        new, nginx = table.splitlines()[4:6]
        self.assertIn('| 10.50 (9.00 to 12.00) |', new)
        self.assertIn('| 0.950 (0.900 to 1.000) | 1.000 (1.000 to 1.000) |', nginx)

    def test_failed_rounds_are_counted_and_left_out(self):
        table = report.case_table('plain', {'plain': {'new': [turn(9), None], 'nginx': [None, turn(12)]}}, ['new'])
        self.assertIn('| 1 | - | - |', table.splitlines()[5])


class Records(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, 'RESULTS.md')

    def test_a_new_file_gets_its_markers(self):
        report.record(self.file, 'one')
        report.record(self.file, 'two')
        self.assertEqual(self.file.read_text(), f'# Results\n\n{report.BEGIN}\ntwo\n{report.END}\n')

    def test_what_people_wrote_stays(self):
        self.file.write_text(f'before\n{report.BEGIN}\nold\n{report.END}\nafter\n')
        report.record(self.file, 'new\n')
        self.assertEqual(self.file.read_text(), f'before\n{report.BEGIN}\nnew\n{report.END}\nafter\n')


if __name__ == '__main__':
    unittest.main()
