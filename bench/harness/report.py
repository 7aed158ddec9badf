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


def case_table(case, results, subjects):
    """A row a contestant; a column with the paired ratio of CPU time to it for each of the builds under test."""
    lines = [f'### {case}', '',
             cells(['', 'CPU µs/request', 'requests/s', 'p50 µs', 'p99 µs', 'failed rounds',
                    *(f'{subject} CPU / this' for subject in subjects), *(f'{subject} p99 / this' for subject in subjects)]),
             cells(['---'] + ['---:'] * (5 + 2 * len(subjects)))]
    for label, runs in results[case].items():
        row = [label, *(interval(present(of(results, case, label, key)), form)
                        for key, form in (('cpu_us', '{:.2f}'), ('rate', '{:.0f}'), ('p50_us', '{:.0f}'), ('p99_us', '{:.0f}'))),
               str(sum(run is None for run in runs))]
        for key in ('cpu_us', 'p99_us'):
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

{chosen.rounds} interleaved rounds of {chosen.seconds} s, {chosen.connections} connections, `hosts`: {chosen.hosts} routes.
Medians with their 95% intervals (order statistics); ratios are paired by round. CPU time is what the scheduler
counted for the proxy's threads, over the requests that wrk finished; interrupts outside of them are counted for nobody.

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
