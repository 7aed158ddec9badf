// The list of events, newest first, live.

import { h, setText } from './dom.js';
import { eventLine, events } from './events.js';
import { viewHead } from './parts.js';

const STATES = { open: 'Live', waiting: 'Not connected', closed: 'Paused' };

export function eventsView({ signal }) {
    const state = h('p', { class: 'muted', role: 'status' });
    const kinds = h('select', { id: 'event-kind' }, ['', 'route', 'backend', 'circuit', 'certificate']
        .map((kind) => h('option', { value: kind }, kind === '' ? 'All kinds' : `${kind[0].toUpperCase()}${kind.slice(1)}s`)));
    // Additions are read out politely; what falls off the end is not.
    const list = h('ol', {
        class: 'events card', role: 'log', 'aria-live': 'polite', 'aria-relevant': 'additions', 'aria-label': 'Events',
    });
    const none = h('p', { class: 'empty' });
    const wanted = ({ type }) => type.startsWith(kinds.value);
    let newest = null;

    function draw() {
        const shown = events.list.filter(wanted);
        list.replaceChildren(...shown.map(eventLine));
        newest = events.list[0];
    }

    function show() {
        setText(state, `${STATES[events.state]}${events.words ? `: ${events.words}` : ''}`);
        const known = events.list.indexOf(newest);
        const fresh = events.list.slice(0, known < 0 ? undefined : known);
        newest = events.list[0] ?? null;
        for (const event of fresh.toReversed()) if (wanted(event)) list.prepend(eventLine(event));
        while (list.childElementCount > events.list.length) list.lastChild.remove();
        none.hidden = list.childElementCount > 0;
        list.hidden = !none.hidden;
        setText(none, kinds.value ? 'No event of this kind so far.' : 'Nothing has happened since this page was opened.');
    }

    kinds.addEventListener('change', () => {
        draw();
        show();
    });
    events.addEventListener('change', show, { signal });
    draw();
    show();
    const head = viewHead('Events', null, h('label', { for: 'event-kind', class: 'hidden' }, 'Kind of events'), kinds);
    head.firstChild.append(state);
    return h('div', {}, head, none, list);
}
