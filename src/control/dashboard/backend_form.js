// Adding a backend to a route, and editing one.

import { at, call, get, schemas } from './api.js';
import { changed, fieldsOf, openEditForm } from './edit_form.js';
import { attempt, notice } from './notices.js';

const GROUPS = [
    { title: 'Where it is', places: ['/id', '/hostname', '/port', '/weight'], open: true },
    { title: 'What it speaks', places: ['/protocol', '/proxyProtocol', '/tls'], open: true },
    { title: 'TLS to it', places: ['/serverName', '/caCert', '/clientCert', '/clientKey'] },
];

export async function openBackendForm(vHost, id = null) {
    const path = id === null ? at`/routes/${vHost}/backends` : at`/routes/${vHost}/backends/${id}`;
    let made;
    let present = null;
    const ready = await attempt(async () => { [made, present] = await Promise.all([schemas(), id === null ? null : get(path)]); });
    if (!ready) return undefined;
    return openEditForm(id === null ? `Add a backend to ${vHost}` : `Edit ${id}`, {
        fields: fieldsOf(made.Backend).filter(({ pointer }) => id === null || pointer !== '/id'),
        groups: GROUPS, initial: present?.body ?? null, etag: present?.etag, saveLabel: id === null ? 'Add' : 'Save',
        save: async (changes, { dryRun, etag }) => {
            const method = id === null ? 'POST' : 'PATCH';
            const { body } = await call(method, path, { body: changed(null, changes), ifMatch: etag, dryRun });
            if (!dryRun) notice(id === null ? `Backend ${body.id} has been added.` : `Backend ${id} has been changed.`);
            return body;
        },
        reload: id === null ? null : () => get(path),
    });
}
