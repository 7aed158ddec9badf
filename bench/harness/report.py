"""What bench/compare found, as Markdown."""
import datetime
import os
import pathlib
import platform
import re

from harness.statistics import median_interval, paired_ratios

BEGIN, END = '<!-- bench/compare begins -->', '<!-- bench/compare ends -->'


def processor():
    found = re.search(r'^model name\s*:\s*(.*)$', pathlib.Path('/proc/cpuinfo').read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def cells(values):
    return '| ' + ' | '.join(values) + ' |'


def interval(values, form='{:.2f}'):
    """Median and interval, or a dash where there is nothing."""
    if not values:
        return '-'
    median, low, high = (form.format(value) for value in median_interval(values))
    return f'{median} ({low} to {high})'


def of(results, case, label, key):
    """A contestant's value in each round of a case; None where that round failed."""
    return [run and run[key] for run in results[case][label]]


def present(values):
    return [value for value in values if value is not None]


COLUMNS = {'cpu_us': ('CPU µs/request', '{:.2f}'), 'rate': ('requests/s', '{:.0f}'), 'p50_us': ('p50 µs', '{:.0f}'),
           'p99_us': ('p99 µs', '{:.0f}')}
RATIOS = {'cpu_us': 'CPU', 'p99_us': 'p99'}


def case_table(case, results, subjects):
    """A row a contestant; a column with the paired ratios to it for each of the builds under test."""
    head = ['', *(name for name, _ in COLUMNS.values()), 'failed rounds',
            *(f'{subject} {name} / this' for name in RATIOS.values() for subject in subjects)]
    lines = [f'### {case}', '', cells(head), cells(['---'] + ['---:'] * (len(head) - 1))]
    for label, runs in results[case].items():
        row = [label]
        for key, (_, form) in COLUMNS.items():
            row.append(interval(present(of(results, case, label, key)), form))
        row.append(str(sum(run is None for run in runs)))
        for key in RATIOS:
            for subject in subjects:
                ratios = paired_ratios(of(results, case, subject, key), of(results, case, label, key))
                row.append('' if label == subject else interval(ratios, '{:.3f}'))
        lines.append(cells(row))
    return '\n'.join(lines) + '\n'


def markdown(results, subjects, contestants, chosen):
    versions = '; '.join(f'{contestant.label}: {contestant.version}' for contestant in contestants)
    cases = '\n'.join(case_table(case, results, subjects) for case in results)
    return f'''{datetime.date.today()}, {processor()}, {os.cpu_count()} CPUs, Linux {platform.release()}.
{versions}.

{chosen.rounds} interleaved rounds of {chosen.seconds} s, {chosen.connections} connections; `hosts`: {chosen.hosts}.
Medians with their 95% intervals (by order statistics; the range where there are fewer than six rounds). Ratios are
paired by round. CPU time is what the scheduler counted for the proxy's threads, over the requests that wrk finished;
interrupts outside of them are counted for nobody.

{cases}'''


def record(path, text):
    """Puts the text between the markers of a file and leaves what else it says."""
    path = pathlib.Path(path)
    old = path.read_text() if path.exists() else f'# Results\n\n{BEGIN}\n{END}\n'
    if BEGIN not in old or END not in old:
        old += f'\n{BEGIN}\n{END}\n'
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f'{before}{BEGIN}\n{text.rstrip()}\n{END}{after}')
