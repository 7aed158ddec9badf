// One route: its traffic, its limits, its backends, and what can be done with them.

import { at, call, get } from './api.js';
import { openBackendForm } from './backend_form.js';
import { BackendRow, BACKEND_COLUMNS } from './backend_row.js';
import { latencyChart, trafficChart } from './chart.js';
import { confirmDialog } from './dialog.js';
import { h, setText } from './dom.js';
import { events } from './events.js';
import { milliseconds, number, percentile, rate } from './format.js';
import { attempt, notice } from './notices.js';
import { card, editButton, empty, Meter, Tile, tiles, Trouble, viewHead } from './parts.js';
import { poll } from './poll.js';
import { openRouteEditor } from './route_form.js';
import { Samples } from './samples.js';
import { table } from './table.js';

const STATS_EVERY = 1_000; // milliseconds
const REFRESH = 3_000;

async function removeRoute(vHost) {
    const path = at`/routes/${vHost}`;
    const { etag } = await get(path);
    const words = 'Requests under way may end, those that wait get 503, and the next ones 404.';
    const gone = await confirmDialog(`Delete ${vHost}?`, words, 'Delete', async () => {
        await call('DELETE', path, { ifMatch: etag });
        notice(`Route ${vHost} has been deleted.`);
    });
    if (gone) location.hash = '#/routes';
}

function describe({ strategy, aliases, autoHttps, authProvider, ssl }) {
    return [strategy.toLowerCase().replaceAll('_', ' '), aliases.length > 0 && `also ${aliases.join(', ')}`,
        autoHttps && 'redirects to HTTPS', authProvider && `asks ${authProvider}`, ssl && 'has a certificate of its own']
        .filter(Boolean).join(' · ');
}

export function routeView({ signal, argument: vHost }) {
    const path = at`/routes/${vHost}`;
    const note = h('p', { class: 'muted' });
    const trouble = new Trouble();
    const tile = Object.fromEntries(['Requests/s', 'p99 latency', 'Completed', 'Rejected', 'Aborted', 'Retries']
        .map((label) => [label, new Tile(label)]));
    const active = new Meter('Active requests');
    const queued = new Meter('Waiting requests');
    const charts = [trafficChart(rate), latencyChart(milliseconds)];
    const rows = table(`Backends of ${vHost}`, BACKEND_COLUMNS);
    const none = empty('No backends: every request gets 503.');
    const samples = new Samples();
    let etag = null;

    async function refresh() {
        try {
            const answer = await get(path, { signal, ifNoneMatch: etag });
            trouble.clear();
            if (!answer.body) return;
            etag = answer.etag;
            setText(note, describe(answer.body));
            rows.sync(answer.body.backends, ({ id }) => id, (backend) => new BackendRow(rows, vHost, backend, polling.now));
            rows.element.hidden = answer.body.backends.length === 0;
            none.hidden = !rows.element.hidden;
            counting.now();
        } catch (error) {
            if (error.name !== 'AbortError') trouble.show(error);
        }
    }

    async function count() {
        let numbers;
        try {
            numbers = (await get(at`/stats/${vHost}`, { signal })).body;
        } catch {
            return; // refresh() says why
        }
        const { requests, latency, admission, status } = numbers;
        samples.add(numbers);
        for (const chart of charts) chart.update(samples);
        tile['Requests/s'].set(rate(numbers.rate['1s']), `${rate(numbers.rate['60s'])} over a minute`);
        tile['p99 latency'].set(percentile(latency.total, 'p99'), `median ${percentile(latency.total, 'p50')}`);
        tile.Completed.set(number(requests.completed), `${number(status['5xx'])} with 5xx`);
        tile.Rejected.set(number(requests.rejected));
        tile.Aborted.set(number(requests.aborted));
        tile.Retries.set(number(numbers.retries));
        active.set(admission.reqActiveLength > 0 ? admission.active : requests.active, admission.reqActiveLength);
        queued.set(requests.queued, admission.reqActiveLength > 0 ? admission.reqQueueLength : 0);
        for (const backend of numbers.backends) rows.parts()?.get(backend.id)?.count(backend);
    }

    const counting = poll(STATS_EVERY, count);
    const polling = poll(REFRESH, refresh);
    signal.addEventListener('abort', () => {
        polling.stop();
        counting.stop();
    });
    events.addEventListener('change', () => polling.soon(), { signal });

    const head = viewHead(vHost, null,
        editButton('Edit', () => openRouteEditor(vHost).then(polling.now), { id: 'edit-route' }),
        editButton('Delete', () => attempt(() => removeRoute(vHost)), { class: 'danger-text', id: 'delete-route' }));
    head.firstChild.prepend(h('p', { class: 'crumb' }, h('a', { href: '#/routes' }, 'Routes')));
    head.firstChild.append(note);
    return h('div', {}, head, trouble.element, tiles(...Object.values(tile)),
        h('div', { class: 'grid' }, charts.map(({ element }) => element)),
        card('Limits', h('dl', { class: 'facts meters' },
            h('div', {}, h('dt', {}, 'Active'), h('dd', {}, active.element)),
            h('div', {}, h('dt', {}, 'Waiting'), h('dd', {}, queued.element)))),
        h('section', { class: 'backends', 'aria-labelledby': 'backends-title' },
            h('div', { class: 'section-head' }, h('h2', { id: 'backends-title' }, 'Backends'),
                editButton('Add a backend', () => openBackendForm(vHost).then(polling.now), { id: 'add-backend' })),
            none, rows.element));
}
