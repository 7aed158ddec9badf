// Certificates that were uploaded, with the days they have left; uploading and removing them.

import { at, call, get, schemas } from './api.js';
import { certificateState } from './certificate_state.js';
import { confirmDialog } from './dialog.js';
import { h, setText } from './dom.js';
import { changed, fieldsOf, openEditForm } from './edit_form.js';
import { events } from './events.js';
import { date } from './format.js';
import { attempt, notice } from './notices.js';
import { Badge, editButton, empty, Trouble, viewHead } from './parts.js';
import { poll } from './poll.js';
import { table } from './table.js';

const REFRESH = 30_000; // milliseconds
const MOST = 1_000;
const COLUMNS = [
    { label: 'Domain', kind: 'main' }, { label: 'Valid' }, { label: 'Ends' }, { label: 'Key' }, { label: 'Issuer' },
    { label: 'Names' }, { label: 'Actions', kind: 'actions' },
];

async function openUpload(domain = null) {
    let made;
    const ready = await attempt(async () => { made = await schemas(); });
    if (!ready) return undefined;
    const title = domain === null ? 'Upload a certificate' : `New certificate for ${domain}`;
    return openEditForm(title, {
        fields: fieldsOf(made.CertificateUpload), initial: domain === null ? null : { domain }, saveLabel: 'Upload',
        groups: [{ title: 'Certificate', places: ['/domain', '/cert', '/key'], open: true }],
        save: async (changes, { dryRun }) => {
            const body = changed(domain === null ? null : { domain }, changes);
            const answer = await call('POST', '/certificates', { body, dryRun });
            if (!dryRun) notice(`Certificate for ${answer.body.domain} has been uploaded. The next handshake uses it.`);
            return answer.body;
        },
    });
}

async function removeDomain(domain) {
    const { etag } = await get(at`/certificates/${domain}`);
    const words = 'Clients that ask for this name get another certificate that fits, or none. Connections that are open go on.';
    return confirmDialog(`Remove ${domain}?`, words, 'Remove', async () => {
        await call('DELETE', at`/certificates/${domain}`, { ifMatch: etag });
        notice(`Certificate of ${domain} has been removed.`);
    });
}

function makeRow(rows, { domain }, refresh) {
    const state = new Badge('idle', '');
    const [ends, key, issuer, names] = [h('span', {}), h('span', {}), h('span', {}), h('span', {})];
    const actions = h('span', { class: 'actions' },
        editButton('Replace', () => openUpload(domain).then(refresh), { 'aria-label': `Replace the certificate of ${domain}` }),
        editButton('Remove', () => attempt(() => removeDomain(domain)).then(refresh),
            { 'aria-label': `Remove the certificate of ${domain}`, class: 'danger-text' }));
    return {
        element: rows.row(domain, state.element, ends, key, issuer, names, actions),
        update: ({ one }) => {
            const { kind, words } = certificateState(one);
            state.set(kind, words);
            setText(ends, date(one.notAfter));
            setText(key, `${one.keyKind} ${one.keyBits}`);
            setText(issuer, one.issuer);
            setText(names, one.names.join(', '));
            names.title = `Serial ${one.serial}, SHA-256 ${one.fingerprint}`;
        },
    };
}

export function certificatesView({ signal }) {
    const trouble = new Trouble();
    const none = empty('No certificates have been uploaded. Those inside routes are part of their routes.');
    const rows = table('Certificates', COLUMNS);
    none.hidden = true;

    async function refresh() {
        try {
            const { body } = await get(`/certificates?limit=${MOST}`, { signal });
            const lines = body.flatMap(({ domain, certificates }) => certificates.map((one) => ({ domain, one })));
            rows.sync(lines, ({ domain, one }) => `${domain} ${one.keyKind}`, (line) => makeRow(rows, line, polling.now));
            rows.element.hidden = lines.length === 0;
            none.hidden = lines.length > 0;
            trouble.clear();
        } catch (error) {
            if (error.name !== 'AbortError') trouble.show(error);
        }
    }

    const polling = poll(REFRESH, refresh);
    signal.addEventListener('abort', () => polling.stop());
    events.addEventListener('change', () => polling.soon(), { signal });
    const upload = editButton('Upload a certificate', () => openUpload().then(polling.now), { class: 'primary', id: 'upload' });
    return h('div', {}, viewHead('Certificates', null, upload), trouble.element, none, rows.element);
}
