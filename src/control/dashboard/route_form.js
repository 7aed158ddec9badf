// Adding a route, with its first backend, and editing one.

import { at, call, get, schemas } from './api.js';
import { changed, fieldsOf, openEditForm } from './edit_form.js';
import { attempt, notice } from './notices.js';

const GROUPS = [
    { title: 'Host', places: ['/vHost', '/aliases'], open: true },
    { title: 'First backend', places: ['/backends/0/hostname', '/backends/0/port', '/backends/0/protocol', '/backends/0/tls'], open: true },
    { title: 'Traffic', places: ['/strategy', '/authProvider', '/autoHttps'], open: true },
    { title: 'Limits', places: ['/reqActiveLength', '/reqQueueLength', '/queueTimeout', '/maxBodyBytes'], open: true },
    {
        title: 'Time-outs and retries',
        places: ['/retries', '/connectTimeout', '/responseTimeout', '/timeout', '/tunnelIdle', '/abortOnClose'],
    },
    { title: 'Request and response fields', places: ['/headers', '/responseHeaders', '/upgrades'] },
    { title: 'Health of backends', places: ['/health'] },
    { title: 'Circuit breaker', places: ['/circuit'] },
    { title: 'Connections to backends', places: ['/pool'] },
    { title: 'Certificate of its own', places: ['/ssl'] },
];
const FIRST_BACKEND = ['hostname', 'port', 'protocol', 'tls'];

/** Resolves to the route that was made. */
export async function openRouteForm() {
    let made;
    const ready = await attempt(async () => { made = await schemas(); });
    if (!ready) return undefined;
    const backend = fieldsOf(made.Backend, '/backends/0').filter(({ pointer }) => FIRST_BACKEND.includes(pointer.split('/').at(-1)));
    return openEditForm('Add a route', {
        fields: [...fieldsOf(made.Route), ...backend], groups: GROUPS, initial: null, saveLabel: 'Add',
        save: async (changes, { dryRun }) => {
            const { body } = await call('POST', '/routes', { body: changed(null, changes), dryRun });
            if (!dryRun) notice(`Route ${body.vHost} has been added.`);
            return body;
        },
    });
}

/** Resolves to the route as it is then. */
export async function openRouteEditor(vHost) {
    const path = at`/routes/${vHost}`;
    let made;
    let present;
    const ready = await attempt(async () => { [made, present] = await Promise.all([schemas(), get(path)]); });
    if (!ready) return undefined;
    let initial = present.body;
    return openEditForm(`Edit ${vHost}`, {
        // The host is the route's name: another host is another route.
        fields: fieldsOf(made.Route).filter(({ pointer }) => pointer !== '/vHost'), groups: GROUPS, initial, etag: present.etag,
        save: async (changes, { dryRun, etag }) => {
            const { body } = await call('PUT', path, { body: changed(initial, changes), ifMatch: etag, dryRun });
            if (!dryRun) notice(`Route ${vHost} has been changed.`);
            return body;
        },
        reload: async () => {
            const answer = await get(path);
            initial = answer.body;
            return answer;
        },
    });
}
