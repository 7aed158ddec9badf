// The first view: how much comes in, how long it takes, how it ends, what wants attention.

import { Chart, latencyChart, trafficChart } from './chart.js';
import { h, setText } from './dom.js';
import { events, eventLine } from './events.js';
import { attention } from './attention.js';
import { bytes, duration, milliseconds, number, percentile, plural, rate } from './format.js';
import { live, onStats, samples } from './live.js';
import { card, empty, Tile, tiles, viewHead } from './parts.js';
import { OutcomeBar } from './outcomes.js';

const LATEST = 6; // events

/** A list of names and values that stay where they are. */
class Facts {
    constructor(labels) {
        this.values = labels.map(() => h('dd', {}));
        this.element = h('dl', { class: 'facts' }, labels.map((label, i) => h('div', {}, h('dt', {}, label), this.values[i])));
    }

    set(...values) {
        values.forEach((value, i) => setText(this.values[i], value));
    }
}

function latestEvents(signal) {
    const list = h('ol', { class: 'events plain' });
    const show = () => list.replaceChildren(...(events.list.length > 0
        ? events.list.slice(0, LATEST).map(eventLine)
        : [h('li', { class: 'muted' }, 'Nothing has happened since this page was opened.')]));
    events.addEventListener('change', show, { signal });
    show();
    return card('Latest events', list, h('p', { class: 'card-foot' }, h('a', { href: '#/events' }, 'All events')));
}

export function overview({ signal }) {
    const note = h('p', { class: 'muted' });
    const head = viewHead('Overview');
    head.firstChild.append(note);
    const tile = Object.fromEntries(['Requests/s', 'p99 latency', 'Active', 'Queued', 'Connections', 'Refused']
        .map((label) => [label, new Tile(label)]));
    const charts = [trafficChart(rate), latencyChart(milliseconds)];
    const outcomes = new OutcomeBar();
    const ofProcess = new Facts(['Memory', 'CPU time', 'Body bytes in', 'Body bytes out', 'Retries', 'Not routed']);

    onStats(signal, (numbers) => {
        const { requests, latency, process, connections } = numbers;
        const facts = [`Up ${duration(numbers.uptime)}`, plural(process.workers, 'worker')];
        if (live.routes !== undefined) facts.push(plural(live.routes, 'route'));
        setText(note, facts.join(', '));
        tile['Requests/s'].set(rate(numbers.rate['1s']), `${rate(numbers.rate['60s'])} over a minute`);
        tile['p99 latency'].set(percentile(latency.total, 'p99'), `median ${percentile(latency.total, 'p50')}`);
        tile.Active.set(number(requests.active), `${number(requests.received)} received`);
        tile.Queued.set(number(requests.queued),
            latency.queue.count > 0 ? `waited ${percentile(latency.queue, 'p50')} of late` : 'none waited of late');
        tile.Connections.set(number(connections.active), `${number(connections.accepted)} accepted`);
        tile.Refused.set(number(requests.rejected), `${number(requests.aborted)} aborted`);
        for (const chart of charts) chart.update(samples);
        outcomes.update(numbers);
        ofProcess.set(bytes(process.residentBytes), duration(process.cpuSeconds), bytes(numbers.bytes.in), bytes(numbers.bytes.out),
            number(numbers.retries), number(requests.unrouted));
    });

    return h('div', {}, head, tiles(...Object.values(tile)),
        h('div', { class: 'grid' }, charts.map(({ element }) => element)),
        h('div', { class: 'grid' }, attention(signal), latestEvents(signal)),
        h('div', { class: 'grid' }, card('Answers since the start', outcomes.element), card('The process', ofProcess.element)));
}
