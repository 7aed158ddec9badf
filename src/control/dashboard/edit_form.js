// A dialog that edits one object of the API: fields in groups, errors at the field they belong to, a check that
// changes nothing, and what to do where somebody else has changed the object meanwhile (412).

import { openDialog } from './dialog.js';
import { fieldsOf, placeErrors, setValue, valueAt } from './document.js';
import { h } from './dom.js';
import { Field } from './fields.js';
import { plural } from './format.js';

const lies = (pointer, places) => places.some((place) => pointer === place || pointer.startsWith(`${place}/`));

class EditForm {
    /**
     * `fields`: of fieldsOf(); `groups`: [{title, places, open}], whose places are pointers; what no group names comes
     * last. `initial`: the object as it is, null for a new one. `save(changes, {dryRun, etag})` gives what the dialog
     * resolves to; `reload()` gives {body, etag}.
     */
    constructor({ fields, groups, initial, etag, save, reload, saveLabel = 'Save' }, close) {
        Object.assign(this, { initial, etag, save, reload, close });
        this.fields = fields.map((about) => Object.assign(new Field(about.pointer, about.schema, about), { about }));
        this.summary = h('div', { class: 'form-summary', tabindex: '-1', role: 'alert', hidden: true });
        this.result = h('p', { class: 'form-result', role: 'status' });
        this.buttons = [
            h('button', { type: 'button', onclick: () => this.send(true) }, 'Check'),
            h('button', { type: 'button', onclick: () => close() }, 'Cancel'),
            h('button', { type: 'submit', class: 'primary' }, saveLabel),
        ];
        this.element = h('form', {
            class: 'dialog-body', novalidate: true, oninput: () => this.arrange(),
            onsubmit: (event) => {
                event.preventDefault();
                this.send(false);
            },
        }, this.summary, this.groupElements(groups), h('div', { class: 'dialog-actions' }, this.result, this.buttons));
        this.fill();
    }

    groupElements(groups) {
        const grouped = groups.flatMap(({ places }) => places);
        const rest = this.fields.filter(({ pointer }) => !lies(pointer, grouped));
        const all = groups.map((group) => ({ ...group, fields: this.fields.filter(({ pointer }) => lies(pointer, group.places)) }));
        return [...all, { title: 'More', fields: rest }].filter(({ fields }) => fields.length > 0).map(({ title, open, fields }) => {
            const content = h('div', { class: 'fields' }, fields.map(({ element }) => element));
            return open ? h('fieldset', {}, h('legend', {}, title), content)
                : h('details', { class: 'group' }, h('summary', {}, title), content);
        });
    }

    /** What is there, or the schema's defaults, into the fields. */
    fill() {
        for (const field of this.fields) {
            const { whether, schema } = field.about;
            const here = this.initial ? valueAt(this.initial, field.pointer) : schema.default;
            const inner = this.initial && (here === undefined || here === null) && field.about.within ? schema.default : here;
            field.value = whether && this.initial ? here !== null && here !== undefined : inner;
            field.before = field.value;
            field.complain('');
        }
        this.arrange();
    }

    /** The fields of an object that is null cannot be edited. */
    arrange() {
        const off = new Set(this.fields.filter(({ about, value }) => about.whether && !value).map(({ pointer }) => pointer));
        for (const { about, input } of this.fields) input.disabled = off.has(about.within);
    }

    /** [{pointer, value}] of what was edited. */
    changes() {
        const edited = ({ value, before }) => JSON.stringify(value) !== JSON.stringify(before);
        return this.fields.filter((field) => !field.input.disabled && edited(field))
            .map(({ pointer, about, value }) => ({ pointer, value: about.whether ? (value ? {} : null) : value }));
    }

    async send(dryRun) {
        this.clear();
        this.buttons.forEach((button) => { button.disabled = true; });
        try {
            const done = await this.save(this.changes(), { dryRun, etag: this.etag });
            if (!dryRun) return this.close(done ?? true);
            this.result.textContent = 'Nothing is wrong with this. Nothing has been changed.';
        } catch (error) {
            this.showProblem(error);
        } finally {
            this.buttons.forEach((button) => { button.disabled = false; });
        }
        return undefined;
    }

    clear() {
        this.summary.hidden = true;
        this.summary.replaceChildren();
        this.result.textContent = '';
        this.fields.forEach((field) => field.complain(''));
    }

    showProblem(error) {
        const placed = placeErrors(error.errors ?? [], this.fields);
        const homeless = placed.filter(({ field }) => field === null);
        const wrong = [...new Set(placed.map(({ field }) => field).filter(Boolean))];
        for (const field of wrong) {
            field.complain(placed.filter((one) => one.field === field).map(({ words }) => words).join('; '));
            const group = field.element.closest('details');
            if (group) group.open = true;
        }
        const where = wrong.length > 0 ? ` ${plural(wrong.length, 'field')} below.` : '';
        const parts = [h('p', {}, error.message + where)];
        if (homeless.length > 0) parts.push(h('ul', {}, homeless.map(({ words }) => h('li', {}, words))));
        if (error.status === 412 && this.reload) parts.push(this.conflict());
        this.summary.replaceChildren(...parts);
        this.summary.hidden = false;
        const first = this.fields.find((field) => wrong.includes(field));
        (first?.input ?? this.summary).focus();
    }

    /** Two ways on from a 412. */
    conflict() {
        const take = (keep) => async () => {
            const mine = keep ? this.fields.map(({ value, before }) => [value, before]) : [];
            try {
                const { body, etag } = await this.reload();
                Object.assign(this, { initial: body, etag });
                this.clear();
                this.fill();
                mine.forEach(([value, before], i) => {
                    if (JSON.stringify(value) !== JSON.stringify(before)) this.fields[i].value = value;
                });
                this.arrange();
                this.result.textContent = keep ? 'The present version, with your changes in it: look, and save again.'
                    : 'The present version.';
                this.fields.find(({ input }) => !input.disabled)?.input.focus();
            } catch (error) {
                this.showProblem(error);
            }
        };
        return h('div', {}, h('p', {}, 'Somebody has changed this since you opened it. Nothing of yours has been saved.'),
            h('div', { class: 'actions' },
                h('button', { type: 'button', onclick: take(true) }, 'Put my changes into the present version'),
                h('button', { type: 'button', onclick: take(false) }, 'Show the present version')));
    }
}

/** The object with the changes in it. */
export function changed(initial, changes) {
    const document = structuredClone(initial ?? {});
    for (const { pointer, value } of changes) setValue(document, pointer, value);
    return document;
}

export { fieldsOf };

/** Resolves to what `save` gave, or to undefined where nothing was saved. */
export function openEditForm(title, options) {
    return openDialog(title, (close) => new EditForm(options, close).element, { wide: true });
}
