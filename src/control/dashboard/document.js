// JSON pointers (RFC 6901) into documents, and the fields that a schema has.

const partsOf = (pointer) => pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

/** The value there; undefined where there is none. */
export function valueAt(document, pointer) {
    return partsOf(pointer).reduce((inside, part) => inside?.[part], document);
}

/** Sets it, and makes what it has to lie in. */
export function setValue(document, pointer, value) {
    const parts = partsOf(pointer);
    const last = parts.pop();
    let inside = document;
    parts.forEach((part, i) => {
        inside[part] ??= /^\d+$/.test(parts[i + 1] ?? last) ? [] : {};
        inside = inside[part];
    });
    inside[last] = value;
}

const isObject = (schema) => schema.properties !== undefined;
const mayBeNull = (schema) => [schema.type].flat().includes('null');

/**
 * Every field of an object's schema that can be written: {pointer, schema, required, within}. `within` is the pointer of
 * the object around it that may be null; such an object is a field itself, with `whether` set.
 */
export function fieldsOf(schema, base = '', within = null) {
    return Object.entries(schema.properties).flatMap(([name, inner]) => {
        const pointer = `${base}/${name}`;
        if (inner.readOnly || inner.items?.$ref) return [];
        const required = schema.required?.includes(name) ?? false;
        if (!isObject(inner)) return [{ pointer, schema: inner, required: required && within === null, within }];
        if (!mayBeNull(inner)) return fieldsOf(inner, pointer, within);
        const whether = { type: 'boolean', description: inner.description, default: inner.required === undefined };
        return [{ pointer, schema: whether, whether: true, within }, ...fieldsOf(inner, pointer, pointer)];
    });
}

/** Puts each of a problem's errors to the field it belongs to: [{field, words}], field null where no field has it. */
export function placeErrors(errors, fields) {
    return errors.map(({ pointer, detail }) => {
        const around = fields.filter((field) => pointer === field.pointer || pointer.startsWith(`${field.pointer}/`));
        const field = around.sort((a, b) => b.pointer.length - a.pointer.length)[0] ?? null;
        const rest = partsOf(pointer.slice(field?.pointer.length ?? 0)).join(' ');
        return { field, words: rest ? `${rest}: ${detail}` : detail };
    });
}
