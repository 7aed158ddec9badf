// Elements out of plain values. Whatever comes from the API becomes text nodes and attributes, never markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
        else if (value === true) element.setAttribute(name, '');
        else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child != null && child !== false));
    return element;
}

/** h('a', {href: '#/routes', onclick: f}, 'Routes', element) */
export function h(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Touches the page only where the text is another. */
export function setText(node, text) {
    const wanted = String(text);
    if (node.textContent !== wanted) node.textContent = wanted;
}

export function setAttribute(element, name, value) {
    const wanted = String(value);
    if (element.getAttribute(name) !== wanted) element.setAttribute(name, wanted);
}

let count = 0;

/** An id that nothing else on the page has. */
export function freshId(prefix) {
    count += 1;
    return `${prefix}-${count}`;
}

/**
 * Makes the children of `parent` those of `items`, in their order: what is known by its key stays the element it was.
 * `create(item)` gives {element, update(item)}.
 */
export function syncChildren(parent, items, keyOf, create) {
    const before = parent.parts ?? new Map();
    const after = new Map();
    let at = parent.firstElementChild;
    for (const item of items) {
        const key = keyOf(item);
        const part = before.get(key) ?? create(item);
        before.delete(key);
        after.set(key, part);
        part.update(item);
        if (part.element === at) at = at.nextElementSibling;
        else parent.insertBefore(part.element, at);
    }
    for (const part of before.values()) part.element.remove();
    parent.parts = after;
}
