// The question for a token, in place of the views, where the API wants one.

import { get } from './api.js';
import { h } from './dom.js';
import { setToken } from './session.js';

/** Shows it; `done` is called when a token has been found good. */
export function signIn(main, done) {
    if (document.getElementById('token')) return;
    const input = h('input', {
        id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'token-help token-error',
    });
    const error = h('p', { class: 'field-error', id: 'token-error', role: 'alert', hidden: true });
    const button = h('button', { type: 'submit', class: 'primary' }, 'Continue');

    async function attemptToken(event) {
        event.preventDefault();
        button.disabled = true;
        setToken(input.value.trim());
        try {
            await get('/stats?limit=1');
            done();
        } catch (problem) {
            setToken(null);
            error.textContent = problem.status === 401 ? 'The API does not know this token.' : problem.message;
            error.hidden = false;
            input.setAttribute('aria-invalid', 'true');
            input.focus();
        } finally {
            button.disabled = false;
        }
    }

    main.replaceChildren(h('div', { class: 'sign-in' },
        h('form', { class: 'card', novalidate: true, onsubmit: attemptToken },
            h('h1', {}, 'A token, please'),
            h('p', { class: 'muted', id: 'token-help' },
                'This proxy’s API has tokens. Yours stays in this browser tab and is sent to this address only.'),
            h('div', { class: 'field' }, h('label', { for: 'token' }, 'Token'), input, error),
            h('div', { class: 'actions' }, button))));
    input.focus();
}
