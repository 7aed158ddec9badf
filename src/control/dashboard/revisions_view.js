// The last changes: when, what, by whom; and the way back to one of them.

import { call, get } from './api.js';
import { confirmDialog } from './dialog.js';
import { h } from './dom.js';
import { events } from './events.js';
import { dateAndTime } from './format.js';
import { notice } from './notices.js';
import { badge, editButton, empty, Trouble, viewHead } from './parts.js';
import { poll } from './poll.js';
import { table } from './table.js';

const REFRESH = 10_000; // milliseconds
const COLUMNS = [
    { label: 'Revision', kind: 'main' }, { label: 'When' }, { label: 'What' }, { label: 'By' }, { label: 'Actions', kind: 'actions' },
];

/** Asked with the present document's tag, so that it does not undo what nobody here has seen. */
async function rollBack(revision) {
    const { etag } = await get('/config');
    await call('POST', '/config/rollback', { body: { revision }, dryRun: true, ifMatch: etag });
    const words = `Routes, auth providers and certificates become what they were after revision ${revision}, in one step. `
        + 'It has been checked: nothing speaks against it. This is a change of its own, and can be undone in the same way.';
    return confirmDialog(`Back to revision ${revision}?`, words, 'Roll back', async () => {
        await call('POST', '/config/rollback', { body: { revision }, ifMatch: etag });
        notice(`Everything is as it was after revision ${revision}.`);
    });
}

export function revisionsView({ signal }) {
    const trouble = new Trouble();
    const rows = table('Revisions', COLUMNS);
    const none = empty('Nothing has been changed yet.');
    none.hidden = true;
    let newest = 0;

    async function back(revision) {
        try {
            await rollBack(revision);
            trouble.clear();
        } catch (error) {
            trouble.show(error);
        }
        polling.now();
    }

    function makeRow({ revision, when, what, by }) {
        const present = badge('good', 'present');
        const button = editButton('Roll back', () => back(revision), { 'aria-label': `Roll back to revision ${revision}` });
        return {
            element: rows.row(String(revision), dateAndTime(when), what, by, [present, button]),
            update: () => {
                present.hidden = revision !== newest;
                button.hidden = revision === newest;
            },
        };
    }

    const polling = poll(REFRESH, async () => {
        try {
            const { body } = await get('/config/revisions', { signal });
            newest = body[0]?.revision ?? 0;
            rows.sync(body, ({ revision }) => revision, makeRow);
            rows.element.hidden = body.length === 0;
            none.hidden = body.length > 0;
        } catch (error) {
            if (error.name !== 'AbortError') trouble.show(error);
        }
    });
    signal.addEventListener('abort', () => polling.stop());
    events.addEventListener('change', () => polling.soon(), { signal });
    return h('div', {}, viewHead('History', 'The last 100 changes, newest first.'), trouble.element, none, rows.element);
}
