// Modal dialogs: the browser's own element, which keeps the focus and gives it back where it came from.

import { freshId, h } from './dom.js';

/** Opens one. `content(close)` makes what is in it. Resolves when it has closed, to what close() was given. */
export function openDialog(title, content, { wide = false } = {}) {
    const id = freshId('dialog');
    const opener = document.activeElement;
    const element = h('dialog', { 'aria-labelledby': id, class: wide ? 'wide' : '' });
    return new Promise((resolve) => {
        let result;
        const close = (value) => {
            result = value;
            element.close();
        };
        element.addEventListener('close', () => {
            element.remove();
            // Where it was opened from may have been drawn anew meanwhile.
            if (!opener?.isConnected) document.querySelector('main h1')?.focus();
            resolve(result);
        });
        element.append(
            h('div', { class: 'dialog-head' }, h('h2', { id }, title),
                h('button', { type: 'button', class: 'quiet close', 'aria-label': 'Close', onclick: () => close() }, '×')),
            content(close));
        document.body.append(element);
        element.showModal();
    });
}

/** Asks before something is done that cannot be undone at once; `act` may throw what the API says against it. */
export function confirmDialog(title, text, label, act) {
    return openDialog(title, (close) => {
        const trouble = h('p', { class: 'trouble', role: 'alert', hidden: true });
        const doIt = h('button', {
            type: 'button', class: 'danger',
            onclick: async () => {
                doIt.disabled = true;
                try {
                    await act();
                    close(true);
                } catch (error) {
                    trouble.textContent = error.message;
                    trouble.hidden = false;
                    doIt.disabled = false;
                    doIt.focus();
                }
            },
        }, label);
        return h('div', { class: 'dialog-body' }, h('p', {}, text), trouble,
            h('div', { class: 'dialog-actions' },
                h('button', { type: 'button', autofocus: true, onclick: () => close() }, 'Cancel'), doIt));
    });
}
