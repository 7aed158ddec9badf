// A chart of lines over the last minutes. Its picture is SVG, its words and axes are text; what it shows can be
// had as a summary for screen readers, and as a table.

import { freshId, h, s, setAttribute, setText } from './dom.js';
import { plural, timeOfDay } from './format.js';
import { simpleTable } from './table.js';

const WIDTH = 300;
const HEIGHT = 100;
const TABLE_STEP = 30_000; // milliseconds between two rows
const SUMMARY_EVERY = 5_000; // milliseconds

/** The least of 1, 2, 5, 10, 20 … that is no less than `value`. */
function niceCeiling(value) {
    if (!(value > 0)) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

/** `xOf(time)` is a moment's place; `top` the value at the upper edge. */
function pathOf(run, xOf, top, closed) {
    const points = run.map(({ time, value }) => `${xOf(time).toFixed(2)} ${(HEIGHT - (Math.min(value, top) / top) * HEIGHT).toFixed(2)}`);
    const line = `M${points.join('L')}`;
    if (!closed) return line;
    const x = (point) => point.split(' ')[0];
    return `${line}L${x(points.at(-1))} ${HEIGHT}L${x(points[0])} ${HEIGHT}Z`;
}

/** `series`: [{key, name, filled}], keys of samples; `format` writes a value. */
export class Chart {
    constructor({ title, unit, series, format }) {
        Object.assign(this, { title, unit, series, format });
        this.summarised = 0;
        const titleId = freshId('chart');
        this.legend = series.map(({ name }, i) => {
            const value = h('span', { class: 'legend-value' });
            return { value, element: h('span', { class: `legend series-${i + 1}` }, h('i', { 'aria-hidden': 'true' }), `${name} `, value) };
        });
        this.since = h('span', {});
        this.moment = h('span', {});
        this.lines = series.map((_, i) => s('path', { class: `line series-${i + 1}` }));
        this.areas = series.map(({ filled }, i) => filled && s('path', { class: `area series-${i + 1}` }));
        this.cursor = s('line', { class: 'cursor', y1: 0, y2: HEIGHT, visibility: 'hidden' });
        this.ticks = [1, 0.5, 0].map((share) => ({ share, element: h('span', {}) }));
        this.picture = s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': title },
            [0, 50, 100].map((y) => s('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y, y2: y })), this.areas, this.lines, this.cursor);
        this.picture.addEventListener('pointermove', (event) => this.point(event));
        this.picture.addEventListener('pointerleave', () => this.point(null));
        this.numbers = h('div', {});
        this.details = h('details', { class: 'numbers', ontoggle: () => this.fillTable() }, h('summary', {}, 'As a table'), this.numbers);
        this.element = h('section', { class: 'card chart', 'aria-labelledby': titleId },
            h('div', { class: 'card-head' }, h('h2', { id: titleId }, title),
                h('p', { class: 'legends' }, this.legend.map(({ element }) => element))),
            h('div', { class: 'plot' },
                h('div', { class: 'ticks', 'aria-hidden': 'true' }, this.ticks.map(({ element }) => element)), this.picture),
            h('p', { class: 'axis muted' }, this.since, this.moment, h('span', {}, 'now')),
            this.details);
    }

    update(samples) {
        this.samples = samples;
        this.end = Date.now();
        this.span = samples.span;
        const xOf = (time) => this.xOf(time);
        const runs = this.series.map(({ key }) => samples.runs(key));
        const values = runs.flat(2).map(({ value }) => value);
        const top = niceCeiling(Math.max(0, ...values));
        runs.forEach((parts, i) => {
            setAttribute(this.lines[i], 'd', parts.map((run) => pathOf(run, xOf, top, false)).join(''));
            if (this.areas[i]) setAttribute(this.areas[i], 'd', parts.map((run) => pathOf(run, xOf, top, true)).join(''));
        });
        setText(this.since, `${this.span / 60} min ago`);
        for (const { share, element } of this.ticks) setText(element, this.format(top * share));
        if (!this.pointed) this.showValues(samples.list.at(-1));
        if (this.end - this.summarised > SUMMARY_EVERY) this.summarise(runs);
    }

    xOf(time) {
        return WIDTH - ((this.end - time) / 1000 / this.span) * WIDTH;
    }

    showValues(sample) {
        this.series.forEach(({ key }, i) => {
            const value = sample?.[key] ?? null;
            setText(this.legend[i].value, value === null ? '–' : this.format(value));
        });
    }

    summarise(runs) {
        this.summarised = this.end;
        const sentences = this.series.map(({ name }, i) => {
            const values = runs[i].flat().map(({ value }) => value);
            if (values.length === 0) return `${name}: nothing measured.`;
            const [least, most, last] = [Math.min(...values), Math.max(...values), values.at(-1)].map(this.format);
            return `${name}: ${last} now, between ${least} and ${most}.`;
        });
        const over = plural(this.span / 60, 'minute');
        setAttribute(this.picture, 'aria-label', `${this.title}, ${this.unit}, over the last ${over}. ${sentences.join(' ')}`);
        if (this.details.open) this.fillTable();
    }

    fillTable() {
        if (!this.details.open || !this.samples) return;
        const rows = [];
        let next = Infinity;
        for (const sample of this.samples.list.toReversed()) {
            if (sample.time > next) continue;
            next = sample.time - TABLE_STEP;
            rows.push([timeOfDay(sample.time), ...this.series.map(({ key }) => (sample[key] === null ? '–' : this.format(sample[key])))]);
        }
        this.numbers.replaceChildren(simpleTable(`${this.title}, ${this.unit}`, ['Time', ...this.series.map(({ name }) => name)], rows));
    }

    /** The pointer asks for the values of a moment; null: it has left. */
    point(event) {
        const box = this.picture.getBoundingClientRect();
        const share = event && (box.right - event.clientX) / box.width; // of the time that is shown
        const sample = event && this.samples?.nearest(this.end - share * this.span * 1000);
        this.pointed = Boolean(sample);
        this.cursor.setAttribute('visibility', sample ? 'visible' : 'hidden');
        setText(this.moment, sample ? timeOfDay(sample.time) : '');
        this.showValues(sample ?? this.samples?.list.at(-1));
        if (!sample) return;
        for (const end of ['x1', 'x2']) this.cursor.setAttribute(end, this.xOf(sample.time));
    }
}

export const trafficChart = (format) => new Chart({
    title: 'Traffic', unit: 'requests a second', format, series: [{ key: 'rate', name: 'requests/s', filled: true }],
});

export const latencyChart = (format) => new Chart({
    title: 'Latency', unit: 'of the last minute', format, series: [{ key: 'p50', name: 'p50' }, { key: 'p99', name: 'p99' }],
});
