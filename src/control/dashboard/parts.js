// Small pieces that several views are put together from.

import { freshId, h, setAttribute, setText } from './dom.js';
import { number } from './format.js';

/** How much of a limit is used; without a limit only the number. */
export class Meter {
    constructor(label) {
        this.bar = h('i', {});
        this.track = h('div', { class: 'meter', role: 'meter', 'aria-label': label, 'aria-valuemin': 0 }, this.bar);
        this.text = h('span', { class: 'meter-text' });
        this.element = h('div', { class: 'metered' }, this.text, this.track);
        this.set(0, 0);
    }

    set(value, limit) {
        setText(this.text, limit > 0 ? `${number(value)} of ${number(limit)}` : number(value));
        this.track.hidden = !(limit > 0);
        const share = limit > 0 ? Math.min(1, value / limit) : 0;
        setAttribute(this.track, 'aria-valuemax', limit || 1);
        setAttribute(this.track, 'aria-valuenow', Math.min(value, limit || 1));
        setAttribute(this.track, 'aria-valuetext', this.text.textContent);
        setAttribute(this.track, 'class', `meter ${share >= 1 ? 'full' : share >= 0.8 ? 'high' : ''}`);
        const width = `${(share * 100).toFixed(1)}%`;
        if (this.bar.style.width !== width) this.bar.style.width = width;
    }
}

/** A number with its name, and a line under it. */
export class Tile {
    constructor(label) {
        this.value = h('dd', { class: 'tile-value' });
        this.note = h('dd', { class: 'tile-note muted' });
        this.element = h('div', { class: 'tile' }, h('dt', {}, label), this.value, this.note);
    }

    set(value, note = '') {
        setText(this.value, value);
        setText(this.note, note);
    }
}

export const tiles = (...list) => h('dl', { class: 'tiles' }, list.map(({ element }) => element));

const SIGNS = { good: '●', warn: '▲', bad: '■', idle: '○' };

/** A word with a colour, and a form for who cannot tell colours. */
export class Badge {
    constructor(kind, text) {
        this.sign = h('span', { 'aria-hidden': 'true' });
        this.text = h('span', {});
        this.element = h('span', {}, this.sign, this.text);
        this.set(kind, text);
    }

    set(kind, text) {
        setAttribute(this.element, 'class', `badge ${kind}`);
        setText(this.sign, SIGNS[kind]);
        setText(this.text, text);
    }
}

export const badge = (kind, text) => new Badge(kind, text).element;

/** A heading with what can be done beside it. */
export function viewHead(title, note, ...actions) {
    return h('div', { class: 'view-head' },
        h('div', {}, h('h1', { tabindex: '-1' }, title), note && h('p', { class: 'muted' }, note)),
        h('div', { class: 'actions' }, actions));
}

export function card(title, ...content) {
    const id = freshId('card');
    return h('section', { class: 'card', 'aria-labelledby': id }, h('div', { class: 'card-head' }, h('h2', { id }, title)), content);
}

export const empty = (...content) => h('p', { class: 'empty' }, content);

/** A button that changes something: there for those only who may. */
export const editButton = (label, onclick, more = {}) => h('button', { type: 'button', 'data-edit': true, onclick, ...more }, label);

/** Says in a view what its last question came to. */
export class Trouble {
    constructor() {
        this.element = h('p', { class: 'trouble', role: 'alert', hidden: true });
    }

    clear() {
        this.element.hidden = true;
        setText(this.element, '');
    }

    show(error) {
        setText(this.element, error.message);
        this.element.hidden = false;
    }
}
