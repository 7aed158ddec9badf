// Calls of the REST API of the address that this page came from.

import { currentToken, noteAccess, wantToken } from './session.js';

/** What the API says is wrong (RFC 9457). `status` 0: there was no answer. */
export class Problem extends Error {
    constructor(status, document) {
        super(document.detail ?? document.title ?? `Status ${status}`);
        this.name = 'Problem';
        this.status = status;
        this.errors = document.errors ?? [];
    }
}

const NO_ANSWER = { detail: 'The proxy does not answer. Is it running, and is this address still its own?' };

export function authorization() {
    const token = currentToken();
    return token === null ? {} : { Authorization: `Bearer ${token}` };
}

async function problemOf(response) {
    try {
        return new Problem(response.status, await response.json());
    } catch {
        return new Problem(response.status, { detail: `The proxy answered with status ${response.status}.` });
    }
}

/** Throws the Problem that a refusal says; 401 asks for a token as well. */
export async function checked(response) {
    if (response.ok || response.status === 304) return response;
    if (response.status === 401) wantToken();
    throw await problemOf(response);
}

/** `path` below /api/v1. {body, etag, total}; body is undefined where it is the one that `ifNoneMatch` names. */
export async function call(method, path, { body, ifMatch, ifNoneMatch, dryRun = false, signal } = {}) {
    const headers = authorization();
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (ifMatch) headers['If-Match'] = ifMatch;
    if (ifNoneMatch) headers['If-None-Match'] = ifNoneMatch;
    const url = `/api/v1${path}${dryRun ? '?dryRun=true' : ''}`;
    let response;
    try {
        response = await fetch(url, {
            method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
            cache: 'no-store', credentials: 'omit', redirect: 'error',
        });
    } catch (error) {
        throw error.name === 'AbortError' ? error : new Problem(0, NO_ANSWER);
    }
    await checked(response);
    noteAccess(response.headers.get('X-Penstock-Access'));
    const hasBody = response.status !== 204 && response.status !== 304;
    return {
        status: response.status,
        body: hasBody ? await response.json() : undefined,
        etag: response.headers.get('ETag'),
        total: Number(response.headers.get('X-Total-Count') ?? 0),
    };
}

export const get = (path, options) => call('GET', path, options);

/** A path of literal words and values: at`/routes/${host}/backends/${id}`. */
export function at(words, ...values) {
    return words.reduce((path, word, i) => path + encodeURIComponent(values[i - 1]) + word);
}

let description;

/** The schemas that forms are made from: /openapi.json says which fields there are. */
export async function schemas() {
    if (!description) {
        const response = await checked(await fetch('/openapi.json', { headers: authorization(), credentials: 'omit' }));
        description = (await response.json()).components.schemas;
    }
    return description;
}
