// The token, where the API wants one: kept for this tab only, and sent in no other way than as a Bearer token.
// What it may do is what the API says with each answer.

const KEY = 'penstock.token';

let token = null;
try {
    token = sessionStorage.getItem(KEY);
} catch {
    // No storage: it lives as long as the page.
}

/** 'change': another token or none, or other rights. 'refused': the API wants a token, or another one. */
export const session = new EventTarget();

let access = null; // 'read-only' or 'read-write'; null: no tokens are set

export const currentToken = () => token;
export const mayWrite = () => access !== 'read-only';
export const hasToken = () => token !== null;

export function setToken(value) {
    token = value;
    access = null;
    try {
        if (value === null) sessionStorage.removeItem(KEY);
        else sessionStorage.setItem(KEY, value);
    } catch {
        // As above.
    }
    session.dispatchEvent(new Event('change'));
}

/** From the answer to an API call. */
export function noteAccess(said) {
    if (said === access) return;
    access = said;
    session.dispatchEvent(new Event('change'));
}

export function wantToken() {
    session.dispatchEvent(new Event('refused'));
}
