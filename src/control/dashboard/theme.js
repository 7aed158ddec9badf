// The switch between the system's colour scheme, light and dark.

import { h } from './dom.js';

const NEXT = { system: 'light', light: 'dark', dark: 'system' };

function apply(theme) {
    const root = document.documentElement;
    if (theme === 'system') delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
        if (theme === 'system') localStorage.removeItem('penstock.theme');
        else localStorage.setItem('penstock.theme', theme);
    } catch {
        // No storage: it holds for this page.
    }
}

export function themeSwitch() {
    let theme = document.documentElement.dataset.theme ?? 'system';
    const button = h('button', {
        type: 'button', class: 'quiet', id: 'theme',
        onclick: () => {
            theme = NEXT[theme];
            apply(theme);
            show();
        },
    });
    const show = () => {
        button.textContent = `◐ ${theme}`;
        button.setAttribute('aria-label', `Colours: ${theme}`);
    };
    show();
    return button;
}
