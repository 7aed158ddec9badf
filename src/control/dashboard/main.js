// Which view is shown, and what surrounds it: the navigation, the state of the connection, the token.

import { certificatesView } from './certificates_view.js';
import { h, setAttribute } from './dom.js';
import { startEvents, stopEvents } from './events.js';
import { eventsView } from './events_view.js';
import { live, startLive, stopLive } from './live.js';
import { overview } from './overview.js';
import { Badge } from './parts.js';
import { providersView } from './providers_view.js';
import { revisionsView } from './revisions_view.js';
import { routesView } from './routes_view.js';
import { routeView } from './route_view.js';
import { hasToken, mayWrite, session, setToken } from './session.js';
import { signIn } from './signin.js';
import { themeSwitch } from './theme.js';

const VIEWS = [
    { name: '', label: 'Overview', make: overview },
    { name: 'routes', label: 'Routes', make: routesView, one: routeView },
    { name: 'certificates', label: 'Certificates', make: certificatesView },
    { name: 'auth', label: 'Auth', make: providersView },
    { name: 'events', label: 'Events', make: eventsView },
    { name: 'history', label: 'History', make: revisionsView },
];

const main = document.getElementById('main');
const links = new Map(VIEWS.map(({ name, label }) => [name, h('a', { href: `#/${name}` }, label)]));
const state = new Badge('idle', 'connecting');
const rights = h('p', { class: 'rights', hidden: true }, 'Read-only token');
const signOut = h('button', { type: 'button', class: 'quiet', id: 'sign-out', hidden: true, onclick: forget }, 'Forget the token');
let leave = new AbortController();

/** {view, argument} of the address: #/routes/a.example is the route of that host. */
function addressed() {
    const [name = '', argument] = location.hash.replace(/^#\/?/, '').split('/');
    const view = VIEWS.find((one) => one.name === name) ?? VIEWS[0];
    try {
        return { view, argument: view.one && argument ? decodeURIComponent(argument) : null };
    } catch {
        return { view, argument: null };
    }
}

function show({ focus = false } = {}) {
    leave.abort();
    leave = new AbortController();
    const { view, argument } = addressed();
    for (const [name, link] of links) {
        if (name === view.name) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
    }
    document.title = `${argument ?? view.label} · Penstock`;
    main.replaceChildren((argument === null ? view.make : view.one)({ signal: leave.signal, argument }));
    if (focus) {
        main.querySelector('h1')?.focus();
        scrollTo(0, 0);
    }
}

function begin(options) {
    show(options);
    startLive();
    startEvents();
}

function askForToken() {
    leave.abort();
    stopLive();
    stopEvents();
    state.set('idle', 'token wanted');
    signIn(main, () => begin({ focus: true }));
}

function forget() {
    setToken(null);
    askForToken();
}

function showRights() {
    setAttribute(document.documentElement, 'data-access', mayWrite() ? 'write' : 'read');
    rights.hidden = mayWrite();
    signOut.hidden = !hasToken();
}

document.getElementById('nav').append(h('ul', {}, [...links.values()].map((link) => h('li', {}, link))));
document.getElementById('side-end').append(h('p', { role: 'status' }, state.element), rights, signOut, themeSwitch());
document.getElementById('skip').addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
});
addEventListener('hashchange', () => {
    if (!document.getElementById('token')) show({ focus: true });
});
session.addEventListener('refused', askForToken);
session.addEventListener('change', showRights);
live.addEventListener('stats', () => state.set('good', 'connected'));
live.addEventListener('silent', () => {
    if (live.fault.status !== 401) state.set('bad', live.fault.status === 0 ? 'no answer' : 'refused');
});
showRights();
begin();
