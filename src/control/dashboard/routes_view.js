// The table of routes, a page at a time: the API filters and pages, so that a hundred thousand cost what fifty do.

import { get } from './api.js';
import { h, setText } from './dom.js';
import { events } from './events.js';
import { number, percentile, rate } from './format.js';
import { live, onStats, wantRoutes } from './live.js';
import { Badge, editButton, empty, Meter, Trouble, viewHead } from './parts.js';
import { poll } from './poll.js';
import { openRouteForm } from './route_form.js';
import { table } from './table.js';

const REFRESH = 3_000; // milliseconds between two looks at configuration and health
const SIZES = [25, 50];
const USUAL_SIZE = 50;
const TYPING = 150; // milliseconds after a key, until the filter is asked for
const AT_ONCE = 25; // new rows a frame
const COLUMNS = [
    { label: 'Host', kind: 'main' }, { label: 'Backends' }, { label: 'Requests/s', kind: 'number' },
    { label: 'p99', kind: 'number minor' }, { label: 'Active', kind: 'number' }, { label: 'Queued', kind: 'number' },
    { label: '5xx', kind: 'number minor' },
];

export const routeLink = (vHost) => `#/routes/${encodeURIComponent(vHost)}`;

/** "2 of 3 alive", as a judgement. */
export function healthOf(backends) {
    const alive = backends.filter(({ state }) => state === 'alive').length;
    if (backends.length === 0) return ['warn', 'no backends'];
    if (alive === backends.length) return ['good', `${alive} alive`];
    return [alive === 0 ? 'bad' : 'warn', `${alive} of ${backends.length} alive`];
}

class Row {
    constructor(rows, { vHost }) {
        this.more = h('span', { class: 'muted under' });
        this.health = new Badge('idle', '');
        [this.rate, this.p99, this.errors] = [h('span', {}), h('span', {}), h('span', {})];
        this.active = new Meter(`Active requests of ${vHost}`);
        this.queued = new Meter(`Queued requests of ${vHost}`);
        this.element = rows.row([h('a', { href: routeLink(vHost) }, vHost), this.more], this.health.element,
            this.rate, this.p99, this.active.element, this.queued.element, this.errors);
    }

    update(route) {
        this.route = route;
        const aliases = route.aliases.length;
        const strategy = route.strategy.toLowerCase().replaceAll('_', ' ');
        setText(this.more, aliases > 0 ? `${strategy}, ${aliases} alias${aliases > 1 ? 'es' : ''}` : strategy);
        this.health.set(...healthOf(route.backends));
    }

    count({ rate: rates, latency, requests, status }) {
        setText(this.rate, rate(rates['1s']));
        setText(this.p99, percentile(latency.total, 'p99'));
        this.active.set(requests.active, this.route.reqActiveLength);
        this.queued.set(requests.queued, this.route.reqActiveLength > 0 ? this.route.reqQueueLength : 0);
        setText(this.errors, number(status['5xx']));
    }
}

export function routesView({ signal }) {
    const filter = h('input', { type: 'search', id: 'filter', placeholder: 'Part of a host', autocomplete: 'off', spellcheck: 'false' });
    const choices = SIZES.map((many) => h('option', { value: many, selected: many === USUAL_SIZE }, `${many} a page`));
    const size = h('select', { id: 'page-size' }, choices);
    const [back, forth] = [h('button', { type: 'button' }, 'Previous'), h('button', { type: 'button' }, 'Next')];
    const where = h('span', { class: 'muted', role: 'status' });
    const trouble = new Trouble();
    const rows = table('Routes', COLUMNS);
    const none = empty('');
    const page = { befores: [], after: '', match: '' };
    let etag = null;
    let filling; // the rest of the rows, frame by frame
    let typing;
    let leaving = null; // ends wantRoutes() of the page before

    function query() {
        const words = new URLSearchParams({ limit: size.value });
        if (page.after) words.set('after', page.after);
        if (page.match) words.set('match', page.match);
        return words.toString();
    }

    function fill(routes, many = AT_ONCE) {
        cancelAnimationFrame(filling);
        const fresh = routes.filter(({ vHost }) => !rows.parts()?.has(vHost)).length;
        const end = fresh > AT_ONCE ? many : routes.length;
        rows.sync(routes.slice(0, end), ({ vHost }) => vHost, (route) => new Row(rows, route));
        count();
        if (end < routes.length) filling = requestAnimationFrame(() => fill(routes, many + AT_ONCE));
    }

    function draw(routes, total) {
        fill(routes);
        const first = page.befores.length * Number(size.value);
        setText(where, routes.length > 0 ? `${number(first + 1)} to ${number(first + routes.length)} of ${number(total)}` : '');
        back.disabled = page.befores.length === 0;
        forth.disabled = first + routes.length >= total || routes.length === 0;
        page.last = routes.at(-1)?.vHost;
        rows.element.hidden = routes.length === 0;
        none.hidden = routes.length > 0;
        setText(none, page.match ? `No host has “${page.match}” in it.`
            : 'There are no routes yet. The first one takes a host and a backend.');
    }

    async function refresh() {
        const asked = query();
        try {
            const { body, total, etag: tag } = await get(`/routes?${asked}`, { signal, ifNoneMatch: etag });
            trouble.clear();
            if (asked !== query()) return;
            if (!body) {
                if (total !== page.total) etag = null; // the same page of more or fewer: it is asked for anew
                return;
            }
            etag = tag;
            page.total = total;
            draw(body, total);
        } catch (error) {
            if (error.name !== 'AbortError') trouble.show(error);
        }
    }

    function count() {
        if (live.asked !== query()) return;
        const parts = rows.parts();
        for (const numbers of live.numbers?.routes ?? []) parts?.get(numbers.vHost)?.count(numbers);
    }

    const polling = poll(REFRESH, refresh);

    function turn(change) {
        Object.assign(page, change);
        etag = null;
        leaving?.abort();
        leaving = new AbortController();
        wantRoutes(query(), AbortSignal.any([signal, leaving.signal]));
        polling.now();
    }

    const restart = () => turn({ befores: [], after: '', match: filter.value.trim() });
    filter.addEventListener('input', () => {
        clearTimeout(typing);
        typing = setTimeout(restart, TYPING);
    });
    size.addEventListener('change', restart);
    forth.addEventListener('click', () => turn({ befores: [...page.befores, page.after], after: page.last }));
    back.addEventListener('click', () => turn({ befores: page.befores.slice(0, -1), after: page.befores.at(-1) }));
    signal.addEventListener('abort', () => {
        polling.stop();
        clearTimeout(typing);
        cancelAnimationFrame(filling);
    });
    events.addEventListener('change', () => polling.soon(), { signal });
    restart();
    onStats(signal, count);

    const add = editButton('Add a route', () => openRouteForm().then(polling.now), { class: 'primary', id: 'add-route' });
    return h('div', {}, viewHead('Routes', null, add),
        h('div', { class: 'toolbar' },
            h('label', { class: 'inline', for: 'filter' }, 'Filter'), filter,
            h('label', { class: 'hidden', for: 'page-size' }, 'Routes on a page'), size,
            h('span', { class: 'pager' }, where, back, forth)),
        trouble.element, none, rows.element);
}
