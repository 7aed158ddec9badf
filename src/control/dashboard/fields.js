// A form's fields out of the schema that /openapi.json gives: each one's kind, its element, its text to and from a
// value. A field that the API gains is in the form without a line here.

import { freshId, h } from './dom.js';
import { labelOf } from './labels.js';

const typesOf = (schema) => [schema.type].flat();

function kindOf(name, schema) {
    const types = typesOf(schema);
    if (schema.enum) return 'choice';
    if (types.includes('boolean')) return 'truth';
    if (types.includes('array')) return 'list';
    if (types.includes('object')) return 'pairs';
    if (types.includes('integer') && types.includes('string')) return 'size';
    if (types.includes('integer') || types.includes('number')) return 'number';
    if (/cert|key$|ocsp/i.test(name)) return 'pem';
    return 'text';
}

const linesOf = (text) => text.split('\n').map((line) => line.trim()).filter((line) => line !== '');

/** "Name: value" a line sets a field, "Name" alone removes it. */
function pairsOf(text) {
    return Object.fromEntries(linesOf(text).map((line) => {
        const colon = line.indexOf(':');
        return colon < 0 ? [line, null] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }));
}

const writePairs = (pairs) => Object.entries(pairs).map(([name, value]) => (value === null ? name : `${name}: ${value}`)).join('\n');
const numberOf = (text) => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text));

/** How a kind's text becomes a value, and back. Empty text of a field that may be null means null. */
const CODECS = {
    text: { read: (text) => text.trim(), write: String },
    pem: { read: (text) => text, write: String },
    choice: { read: (text) => text, write: String },
    number: { read: numberOf, write: String },
    size: { read: numberOf, write: String },
    list: { read: linesOf, write: (list) => list.join('\n') },
    pairs: { read: pairsOf, write: writePairs },
};

const HINTS = {
    list: 'One a line.', pairs: '“Name: value” a line sets a field, “Name” alone removes it.', size: 'Bytes, or 64k, 8m, 1g.',
};

function inputFor(kind, schema, id) {
    const common = { id, 'aria-describedby': `${id}-help ${id}-error`, autocomplete: 'off', spellcheck: 'false' };
    if (kind === 'truth') return h('input', { ...common, type: 'checkbox' });
    if (kind === 'choice') return h('select', common, schema.enum.map((value) => h('option', { value }, value)));
    if (kind === 'list' || kind === 'pairs') return h('textarea', { ...common, rows: 2 });
    if (kind === 'pem') return h('textarea', { ...common, rows: 4, class: 'pem', placeholder: '-----BEGIN …' });
    return h('input', { ...common, type: 'text', inputmode: kind === 'number' && 'decimal', placeholder: schema.default });
}

/** Takes the text of a file that is chosen instead of typed or pasted. */
function fileChooser(field) {
    const chooser = h('input', {
        type: 'file', class: 'hidden', tabindex: '-1', 'aria-hidden': 'true',
        onchange: async () => {
            if (!chooser.files[0]) return;
            field.input.value = await chooser.files[0].text();
            field.input.dispatchEvent(new Event('input', { bubbles: true }));
        },
    });
    return [h('button', { type: 'button', class: 'quiet small', onclick: () => chooser.click() }, 'From a file …'), chooser];
}

export class Field {
    constructor(pointer, schema, { required = false } = {}) {
        const name = pointer.split('/').at(-1);
        const id = freshId('field');
        Object.assign(this, { pointer, schema, kind: kindOf(name, schema), id });
        this.nullable = typesOf(schema).includes('null');
        this.input = inputFor(this.kind, schema, id);
        if (required) this.input.setAttribute('aria-required', 'true');
        this.input.dataset.pointer = pointer;
        this.error = h('p', { class: 'field-error', id: `${id}-error`, hidden: true });
        const help = [schema.description, HINTS[this.kind], schema.writeOnly && 'Never shown again.'].filter(Boolean).join(' ');
        const label = h('label', { for: id }, labelOf(pointer), required && h('span', { class: 'muted' }, ' (required)'));
        const line = this.kind === 'truth' ? h('div', { class: 'check' }, this.input, label) : [label, this.input];
        this.element = h('div', { class: `field ${this.kind}` }, line, this.kind === 'pem' && fileChooser(this),
            h('p', { class: 'help', id: `${id}-help` }, help), this.error);
    }

    get value() {
        if (this.kind === 'truth') return this.input.checked;
        if (this.nullable && this.input.value.trim() === '') return null;
        return CODECS[this.kind].read(this.input.value);
    }

    set value(value) {
        if (this.kind === 'truth') this.input.checked = value === true;
        else this.input.value = value === null || value === undefined ? '' : CODECS[this.kind].write(value);
    }

    complain(words) {
        this.error.textContent = words;
        this.error.hidden = words === '';
        if (words === '') this.input.removeAttribute('aria-invalid');
        else this.input.setAttribute('aria-invalid', 'true');
    }
}
