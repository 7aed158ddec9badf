// What happens to routes, backends and certificates, as it happens: the list that views show, and its words.

import { badge } from './parts.js';
import { h } from './dom.js';
import { date, timeOfDay } from './format.js';
import { EventStream } from './stream.js';

const MOST = 300; // kept, newest first

const TOGETHER = 100; // milliseconds, within which events are told of at once

/** 'change': the list, newest first, or the state has changed. */
export const events = new EventTarget();
events.list = [];
events.state = 'closed';
events.words = '';

const KINDS = {
    'backend.dead': 'bad', 'backend.alive': 'good', 'circuit.opened': 'bad', 'circuit.half_opened': 'warn',
    'circuit.closed': 'good', 'route.deleted': 'warn', 'certificate.deleted': 'warn',
};
const WHERE = ['vHost', 'domain'];
const HIDDEN = new Set([...WHERE, 'sequence', 'time', 'id', 'fingerprint']);
const PLAIN = new Set(['authority', 'reason', 'keyKind', 'data']); // said without their names

let telling = null;

function tell() {
    telling ??= setTimeout(() => {
        telling = null;
        events.dispatchEvent(new Event('change'));
    }, TOGETHER);
}

function take({ type, id, data }) {
    let facts;
    try {
        facts = JSON.parse(data);
    } catch {
        facts = { data };
    }
    events.list.unshift({ type, id, facts, time: facts.time ?? Date.now() });
    events.list.length = Math.min(events.list.length, MOST);
    tell();
}

const stream = new EventStream('/api/v1/events', take, (state, words) => {
    Object.assign(events, { state, words });
    tell();
});

export const startEvents = () => stream.start();
export const stopEvents = () => stream.stop();

/** "127.0.0.1:80, connection refused" */
function details(facts) {
    const shown = Object.entries(facts).filter(([name, value]) => !HIDDEN.has(name) && value !== '' && value !== null
        && !(name === 'address' && value === facts.authority));
    return shown.map(([name, value]) => {
        if (name === 'notAfter') return `until ${date(value)}`;
        const text = typeof value === 'object' ? JSON.stringify(value) : String(value).replaceAll('_', ' ');
        return PLAIN.has(name) ? text : `${name} ${text}`;
    }).join(', ');
}

/** One event as a list item. Values are others' words: text, never markup. */
export function eventLine({ type, facts, time }) {
    const where = WHERE.map((name) => facts[name]).find((value) => value);
    const moment = new Date(time);
    return h('li', {},
        h('time', { datetime: Number.isNaN(moment.getTime()) ? null : moment.toISOString(), class: 'muted' }, timeOfDay(time)),
        badge(KINDS[type] ?? 'idle', type.replace('.', ' ').replaceAll('_', ' ')),
        h('span', { class: 'event-what' }, where && h('strong', {}, String(where)), ' ', details(facts)));
}
