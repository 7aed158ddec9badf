// What somebody should look at: dead backends, those in maintenance, certificates that end soon.

import { get } from './api.js';
import { certificateState } from './certificate_state.js';
import { h } from './dom.js';
import { events } from './events.js';
import { plural } from './format.js';
import { badge, card } from './parts.js';
import { poll } from './poll.js';

const EVERY = 15_000; // milliseconds
const PAGE = 500;
const MOST_ROUTES = 2_000;
const MOST_SHOWN = 8;

async function routeFindings(signal) {
    const found = { dead: [], maintenance: [], backends: 0, looked: 0, total: 0 };
    for (let after = ''; found.looked < MOST_ROUTES;) {
        const { body, total } = await get(`/routes?limit=${PAGE}${after && `&after=${encodeURIComponent(after)}`}`, { signal });
        for (const { vHost, backends } of body) {
            for (const { state, hostname, port } of backends) {
                found.backends += 1;
                found[state]?.push({ vHost, what: `${hostname}:${port}` });
            }
        }
        found.looked += body.length;
        found.total = total;
        if (body.length < PAGE) break;
        after = body.at(-1).vHost;
    }
    return found;
}

async function certificateFindings(signal) {
    const { body } = await get('/certificates?limit=1000', { signal });
    return body.flatMap(({ domain, certificates }) => certificates.map((one) => ({ domain, ...certificateState(one) })))
        .filter(({ kind }) => kind !== 'good');
}

function lines({ dead, maintenance }, certificates) {
    const backendLine = (kind, word) => ({ vHost, what }) => h('li', {}, badge(kind, word),
        h('span', {}, h('a', { href: `#/routes/${encodeURIComponent(vHost)}` }, vHost), ` ${what}`));
    return [
        ...dead.map(backendLine('bad', 'dead')),
        ...certificates.map(({ kind, words, domain }) => h('li', {}, badge(kind, words),
            h('span', {}, h('a', { href: '#/certificates' }, domain), ' certificate'))),
        ...maintenance.map(backendLine('warn', 'maintenance')),
    ];
}

export function attention(signal) {
    const list = h('ul', { class: 'events plain' }, h('li', { class: 'muted' }, 'Looking …'));
    const note = h('p', { class: 'card-foot muted' });

    async function look() {
        try {
            const [routes, certificates] = await Promise.all([routeFindings(signal), certificateFindings(signal)]);
            const all = lines(routes, certificates);
            const calm = h('li', {}, badge('good', 'all well'), h('span', {}, `${plural(routes.backends, 'backend')}, none of them dead`));
            list.replaceChildren(...(all.length > 0 ? all.slice(0, MOST_SHOWN) : [calm]));
            const more = all.length > MOST_SHOWN ? `and ${plural(all.length - MOST_SHOWN, 'line')} more. ` : '';
            const partly = routes.looked < routes.total
                ? `Of ${plural(routes.total, 'route')} the first ${routes.looked} were looked at.` : '';
            note.textContent = more + partly;
        } catch (error) {
            if (error.name !== 'AbortError') note.textContent = error.message;
        }
    }

    const polling = poll(EVERY, look);
    signal.addEventListener('abort', () => polling.stop());
    events.addEventListener('change', () => polling.soon(), { signal });
    return card('Wants attention', list, note);
}
