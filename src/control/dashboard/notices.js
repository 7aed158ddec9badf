// Short words about what has been done, read out politely; they go by themselves, errors at a press of a button.

import { h } from './dom.js';

const SHOWN = 6_000; // milliseconds

export function notice(text, { bad = false } = {}) {
    const element = h('p', { class: `notice ${bad ? 'bad' : 'good'}` }, h('span', {}, text),
        h('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss', onclick: () => element.remove() }, '×'));
    document.getElementById('notices').append(element);
    if (!bad) setTimeout(() => element.remove(), SHOWN);
}

/** Does it, and says it where it failed. */
export async function attempt(action, done) {
    try {
        await action();
    } catch (error) {
        if (error.name === 'AbortError') return false;
        notice(error.message, { bad: true });
        return false;
    }
    if (done) notice(done);
    return true;
}
