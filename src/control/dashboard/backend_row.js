// A backend in its route's table: its health and numbers; taking it out of use and back, editing, removing it.

import { at, call, get } from './api.js';
import { openBackendForm } from './backend_form.js';
import { confirmDialog } from './dialog.js';
import { h, setText } from './dom.js';
import { number, percentile, rate, timeOfDay } from './format.js';
import { attempt, notice } from './notices.js';
import { Badge, editButton } from './parts.js';

export const BACKEND_COLUMNS = [
    { label: 'Backend', kind: 'main' }, { label: 'State' }, { label: 'Weight', kind: 'number' }, { label: 'Attempts/s', kind: 'number' },
    { label: 'p99', kind: 'number' }, { label: 'Active', kind: 'number' }, { label: 'Failed', kind: 'number' },
    { label: 'Actions', kind: 'actions' },
];

const STATES = { alive: ['good', 'alive'], dead: ['bad', 'dead'], maintenance: ['warn', 'maintenance'] };

/** What its circuits say beside its health; '' where all are closed. */
function circuitWords(targets) {
    const odd = targets.filter(({ circuit }) => circuit && circuit !== 'closed');
    return odd.length > 0 ? `circuit ${odd[0].circuit}` : '';
}

export class BackendRow {
    constructor(rows, vHost, backend, refresh) {
        const { id } = backend;
        this.path = at`/routes/${vHost}/backends/${id}`;
        this.state = new Badge('idle', '');
        this.since = h('span', { class: 'muted under' });
        this.where = h('span', { class: 'muted under' });
        [this.weight, this.rate, this.p99, this.active, this.failed] = Array.from({ length: 5 }, () => h('span', {}));
        this.drain = editButton('', () => this.toggleMaintenance(id).then(refresh));
        const edit = editButton('Edit', () => openBackendForm(vHost, id).then(refresh), { 'aria-label': `Edit ${id}` });
        const remove = editButton('Remove', () => attempt(() => this.remove(id)).then(refresh),
            { 'aria-label': `Remove ${id}`, class: 'danger-text' });
        this.element = rows.row([id, this.where], [this.state.element, this.since], this.weight, this.rate, this.p99, this.active,
            this.failed, h('span', { class: 'actions' }, this.drain, edit, remove));
    }

    update(backend) {
        this.backend = backend;
        const drained = backend.state === 'maintenance';
        setText(this.where, `${backend.hostname}:${backend.port}, ${backend.protocol}${backend.tls ? ' over TLS' : ''}`);
        this.state.set(...(STATES[backend.state] ?? ['idle', backend.state]));
        setText(this.weight, number(backend.weight));
        setText(this.drain, drained ? 'Put back' : 'Drain');
        this.drain.setAttribute('aria-label', `${this.drain.textContent} ${backend.id}`);
        this.showSince('');
    }

    count({ rate: rates, latency, attempts, targets }) {
        setText(this.rate, rate(rates['1s']));
        setText(this.p99, percentile(latency.total, 'p99'));
        setText(this.active, number(attempts.active));
        setText(this.failed, number(attempts.failed));
        this.showSince(circuitWords(targets));
    }

    showSince(circuit) {
        const { deadSince, failureCount } = this.backend;
        setText(this.since, [deadSince && `since ${timeOfDay(deadSince)}`, failureCount > 0 && `${failureCount} failed`, circuit]
            .filter(Boolean).join(', '));
    }

    async toggleMaintenance(id) {
        const drained = this.backend.state === 'maintenance';
        await attempt(() => call(drained ? 'DELETE' : 'POST', `${this.path}/dead`),
            drained ? `${id} is in use again.` : `${id} gets no new requests; those under way may end.`);
    }

    async remove(id) {
        const { etag } = await get(this.path);
        await confirmDialog(`Remove ${id}?`, 'It gets no new requests; those under way there may end.', 'Remove', async () => {
            await call('DELETE', this.path, { ifMatch: etag });
            notice(`Backend ${id} has been removed.`);
        });
    }
}
