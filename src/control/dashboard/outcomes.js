// How requests ended: a bar of status classes with its legend, and the errors by kind.

import { h, setAttribute, setText, syncChildren } from './dom.js';
import { number } from './format.js';

const CLASSES = [['2xx', 'good'], ['3xx', 'idle'], ['4xx', 'warn'], ['5xx', 'bad'], ['1xx', 'other']];

export class OutcomeBar {
    constructor() {
        this.parts = CLASSES.map(([name, kind]) => {
            const bar = h('i', { class: kind });
            const value = h('dd', {});
            const legend = h('div', { class: `outcome ${kind}` }, h('dt', {}, h('i', { 'aria-hidden': 'true' }), name), value);
            return { name, bar, value, legend };
        });
        this.errors = h('dl', { class: 'facts' });
        this.none = h('p', { class: 'muted' }, 'No errors towards backends.');
        this.element = h('div', {},
            h('div', { class: 'outcomes', 'aria-hidden': 'true' }, this.parts.map(({ bar }) => bar)),
            h('dl', { class: 'outcome-list' }, this.parts.map(({ legend }) => legend)),
            h('h3', {}, 'Errors by kind'), this.none, this.errors);
    }

    update({ status, errors }) {
        const all = Math.max(1, Object.values(status).reduce((sum, count) => sum + count, 0));
        for (const { name, bar, value } of this.parts) {
            const width = `${((status[name] / all) * 100).toFixed(2)}%`;
            if (bar.style.width !== width) bar.style.width = width;
            setText(value, number(status[name]));
        }
        const kinds = Object.entries(errors);
        this.none.hidden = kinds.length > 0;
        syncChildren(this.errors, kinds, ([kind]) => kind, ([kind]) => {
            const value = h('dd', {});
            return {
                element: h('div', {}, h('dt', {}, kind.replaceAll('_', ' ')), value),
                update: ([, count]) => setText(value, number(count)),
            };
        });
        setAttribute(this.errors, 'class', kinds.length > 0 ? 'facts' : 'hidden');
    }
}
