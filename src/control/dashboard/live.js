// The statistics, asked for every second while somebody looks: told to every view as 'stats', and kept for the charts.

import { get } from './api.js';
import { poll } from './poll.js';
import { Samples } from './samples.js';

const EVERY = 1_000; // milliseconds
const TOTALS_ONLY = 'limit=1';

/** 'stats': `numbers` has new ones; 'silent': there was no answer, `fault` says why. */
export const live = new EventTarget();
export const samples = new Samples();

let query = TOTALS_ONLY;
let polling = null;

/** The page of routes that a view wants beside the totals, until `signal`. */
export function wantRoutes(wanted, signal) {
    query = wanted;
    signal.addEventListener('abort', () => {
        if (query === wanted) query = TOTALS_ONLY;
    });
    polling?.now();
}

async function ask() {
    const asked = query;
    try {
        const { body, total } = await get(`/stats?${asked}`);
        live.numbers = body;
        if (asked === TOTALS_ONLY) live.routes = total;
        live.asked = asked;
        live.fault = null;
        samples.add(body);
        live.dispatchEvent(new Event('stats'));
    } catch (error) {
        live.fault = error;
        live.dispatchEvent(new Event('silent'));
    }
}

export function startLive() {
    polling ??= poll(EVERY, ask);
}

export function stopLive() {
    polling?.stop();
    polling = null;
}

/** Calls it with the numbers that are there, and with each new ones until `signal`. */
export function onStats(signal, listener) {
    if (live.numbers) listener(live.numbers);
    live.addEventListener('stats', () => listener(live.numbers), { signal });
}
