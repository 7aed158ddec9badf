// Tables that stay tables for screen readers where a narrow screen shows their rows as cards: roles are said, for CSS
// that changes `display` takes them away, and each cell carries its column's name.

import { h, syncChildren } from './dom.js';

/** `columns`: [{label, kind}]; kind is a class of the column's cells: 'number', 'actions', 'main', 'minor'. */
export function table(caption, columns) {
    const body = h('tbody', { role: 'rowgroup' });
    const heads = columns.map(({ label, kind = '' }) => h('th', { role: 'columnheader', scope: 'col', class: kind },
        kind === 'actions' ? h('span', { class: 'hidden' }, label) : label));
    const element = h('table', { role: 'table', class: 'cards' }, h('caption', { class: 'hidden' }, caption),
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)), body);
    return {
        element,
        /** A row out of its cells' contents; the first cell names the row. */
        row: (...contents) => h('tr', { role: 'row' }, contents.map((content, i) => h(i === 0 ? 'th' : 'td', {
            role: i === 0 ? 'rowheader' : 'cell', scope: i === 0 && 'row', class: columns[i].kind, 'data-label': columns[i].label,
        }, content))),
        /** What sync() has made, by key. */
        parts: () => body.parts,
        sync: (items, keyOf, create) => syncChildren(body, items, keyOf, create),
    };
}

/** One that is made once and never changes. */
export function simpleTable(caption, labels, rows) {
    const made = table(caption, labels.map((label, i) => ({ label, kind: i > 0 ? 'number' : '' })));
    made.element.classList.remove('cards');
    made.element.lastChild.append(...rows.map((cells) => made.row(...cells)));
    return made.element;
}
