// Auth providers: who may use the routes that name one. A list; they are written through the API.

import { get } from './api.js';
import { h, setText } from './dom.js';
import { plural } from './format.js';
import { empty, Trouble, viewHead } from './parts.js';
import { poll } from './poll.js';
import { table } from './table.js';

const REFRESH = 10_000; // milliseconds
const COLUMNS = [{ label: 'Id', kind: 'main' }, { label: 'Type' }, { label: 'Checks' }, { label: 'Credentials to backends' }];

const SUMMARIES = {
    basic: ({ users, realm }) => `${plural(users.length, 'user')}, realm “${realm}”`,
    bearer: ({ tokens, realm }) => `${plural(tokens.length, 'token')}, realm “${realm}”`,
    jwt: ({ issuer, audience, jwksUrl }) => [issuer && `issuer ${issuer}`, audience?.length > 0 && `for ${audience.join(', ')}`,
        jwksUrl && `keys from ${jwksUrl}`].filter(Boolean).join('; ') || 'its keys alone',
    http: ({ url }) => `asks ${url}`,
};

export function providersView({ signal }) {
    const trouble = new Trouble();
    const rows = table('Auth providers', COLUMNS);
    const none = empty('There are no auth providers: whoever reaches a route may use it.');
    none.hidden = true;

    function makeRow({ id }) {
        const [type, checks, forwards] = [h('span', {}), h('span', {}), h('span', {})];
        return {
            element: rows.row(id, type, checks, forwards),
            update: (provider) => {
                setText(type, provider.type);
                setText(checks, SUMMARIES[provider.type]?.(provider) ?? '');
                setText(forwards, provider.forwardCredentials ? 'passed on' : 'stop here');
            },
        };
    }

    const polling = poll(REFRESH, async () => {
        try {
            const { body } = await get('/auth-providers?limit=1000', { signal });
            rows.sync(body, ({ id }) => id, makeRow);
            rows.element.hidden = body.length === 0;
            none.hidden = body.length > 0;
            trouble.clear();
        } catch (error) {
            if (error.name !== 'AbortError') trouble.show(error);
        }
    });
    signal.addEventListener('abort', () => polling.stop());
    return h('div', {}, viewHead('Auth providers', 'Who may use the routes that name one. Written through the API, shown here.'),
        trouble.element, none, rows.element);
}
