// A page in headless Chromium, and what must hold of it whatever is done: no error in its console, nothing that its
// policy refused, no request to any other origin.

import assert from 'node:assert/strict';
import path from 'node:path';
import { chromium } from 'playwright-core';

export const PATIENCE = Number(process.env.PENSTOCK_SANITIZED === '1' ? 4 : 1);
const WAIT = 15_000 * PATIENCE; // milliseconds
const VIOLATIONS = `addEventListener('securitypolicyviolation', (event) => {
    (globalThis.violations ??= []).push(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample);
});`;

let browser;

export async function start(executablePath) {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
}

export const stop = () => browser.close();

/** The dashboard of the admin address `admin`, as one test has it. */
export class Board {
    constructor(job, options) {
        Object.assign(this, job, { options, faults: [], expected: [], hosts: new Set() });
    }

    async open(where = '') {
        this.context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...this.options });
        this.context.setDefaultTimeout(WAIT);
        await this.context.addInitScript({ content: VIOLATIONS });
        this.page = await this.context.newPage();
        this.page.on('request', (request) => this.hosts.add(new URL(request.url()).host));
        this.page.on('pageerror', (error) => this.faults.push(`an error of the page: ${error.stack}`));
        this.page.on('console', (message) => {
            if (message.type() === 'error' || message.type() === 'warning') this.complain(message);
        });
        await this.page.goto(`${this.admin}/${where}`);
        return this.page;
    }

    /** Chromium calls each answer of 4xx or 5xx an error: those that are part of the test are none. */
    complain(message) {
        const status = /the server responded with a status of (\d+)/.exec(message.text())?.[1];
        const silent = /net::ERR_/.test(message.text()) ? 'none' : status;
        if (!this.expected.includes(silent)) this.faults.push(`the console: ${message.text()} (${message.location().url})`);
    }

    /** Answers of these statuses ('none': no answer) may come from here on. */
    expect(...statuses) {
        this.expected.push(...statuses.map(String));
    }

    async shot(name) {
        await this.page.screenshot({ path: path.join(this.screenshots, `${this.io}-${name}.png`) });
    }

    /** One call of the API, beside the page. */
    async api(method, where, body, headers = {}) {
        const answer = await fetch(`${this.admin}/api/v1${where}`, {
            method, headers: { 'Content-Type': 'application/json', ...headers }, body: body && JSON.stringify(body),
        });
        const text = await answer.text();
        return { status: answer.status, body: text ? JSON.parse(text) : null, etag: answer.headers.get('etag') };
    }

    async made(method, where, body) {
        const answer = await this.api(method, where, body);
        assert.ok(answer.status < 300, `${method} ${where}: ${answer.status} ${JSON.stringify(answer.body)}`);
        return answer;
    }

    /** Asks until `holds(value)`, for as long as a test waits. */
    async until(what, ask, holds = Boolean) {
        const end = Date.now() + WAIT;
        for (;;) {
            const value = await ask();
            if (holds(value)) return value;
            assert.ok(Date.now() < end, `${what}: in the end it is ${JSON.stringify(value)}`);
            await new Promise((resolve) => { setTimeout(resolve, 50); });
        }
    }

    async close() {
        const violations = await this.page.evaluate(() => globalThis.violations ?? []);
        await this.context.close();
        assert.deepEqual(violations, [], 'what the page’s policy refused');
        assert.deepEqual(this.faults, [], 'what went wrong on the page');
        assert.deepEqual([...this.hosts], [new URL(this.admin).host], 'whom the page spoke to');
    }
}
