// How it looks and whether all can use it: schemes, narrow screens, axe's rules, less motion.

import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { createRequire } from 'node:module';

const VIEWS = ['', 'routes', 'routes/shop.test', 'certificates', 'auth', 'events', 'history'];
const GRAVE = ['serious', 'critical'];

async function furnish(board) {
    const backend = (id, port) => ({ id, hostname: '127.0.0.1', port });
    await board.made('POST', '/auth-providers', { id: 'staff', type: 'bearer', tokens: [{ name: 'ci', token: 'a-token-of-the-tests' }] });
    await board.made('POST', '/routes', {
        vHost: 'shop.test', aliases: ['a-rather-long-name-of-an-alias.shop.test'], strategy: 'LEAST_CONNECTIONS', reqActiveLength: 10,
        reqQueueLength: 5,
        backends: [backend('one', board.origin), backend('two', 9), backend('a-backend-with-a-very-long-identifier-indeed', 10)],
    });
    await board.made('POST', '/routes/shop.test/backends/two/dead');
    await board.made('POST', '/routes', { vHost: '*.a-very-long-name-of-a-host-that-hardly-fits-anywhere.example.test', backends: [] });
    await board.made('POST', '/certificates', { domain: 'a.test', cert: board.pair.cert, key: board.pair.key });
}

async function visit(board, view) {
    await board.page.goto(`${board.admin}/#/${view}`);
    await board.page.locator('main h1').waitFor();
    const filled = ['table.cards:not([hidden]) tbody tr', '.empty:not([hidden])', '.chart .line', '.events li'];
    await board.page.locator(filled.map((selector) => `main ${selector}`).join()).first().waitFor({ state: 'attached' });
}

const nameOf = (view) => view.split('/')[0] + (view.includes('/') ? '-one' : '') || 'overview';

export async function schemes(board) {
    await furnish(board);
    const page = await board.open();
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(await ground(), 'rgb(245, 246, 248)');
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await ground();
    assert.equal(dark, 'rgb(16, 20, 26)', 'the system’s scheme');
    await page.click('#theme');
    assert.equal(await ground(), 'rgb(245, 246, 248)', 'light, though the system is dark');
    await page.reload();
    assert.equal(await ground(), 'rgb(245, 246, 248)', 'and so after the next load');
    await page.click('#theme');
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await ground(), dark, 'dark, though the system is light');
    for (const view of VIEWS) {
        await visit(board, view);
        await board.shot(`dark-${nameOf(view)}`);
    }
    await page.click('#theme');
    assert.equal(await ground(), 'rgb(245, 246, 248)', 'the system’s again');
    for (const view of VIEWS) {
        await visit(board, view);
        await board.shot(`light-${nameOf(view)}`);
    }
}

/** Nothing is wider than a screen of 360 px, and no text is cut. */
async function fits(board, what) {
    const wide = await board.page.evaluate(() => {
        const edge = document.documentElement.clientWidth + 0.5;
        const seen = [...document.querySelectorAll('body *')]
            .filter((element) => element.checkVisibility() && !element.closest('.hidden, .skip, svg, .cards thead'));
        const over = seen.filter((element) => element.getBoundingClientRect().right > edge);
        const cut = seen.filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0
            && getComputedStyle(element).overflowX !== 'visible' && !['INPUT', 'TEXTAREA', 'SELECT'].includes(element.tagName));
        const name = (element) => `${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}`;
        return { over: over.map(name), cut: cut.map(name), scrolls: document.documentElement.scrollWidth > edge };
    });
    assert.deepEqual(wide, { over: [], cut: [], scrolls: false }, `${what} at 360 px`);
}

export async function narrow(board) {
    await furnish(board);
    const page = await board.open();
    for (const view of VIEWS) {
        await visit(board, view);
        await fits(board, view || 'the overview');
        await board.shot(`narrow-${nameOf(view)}`);
    }
    await page.goto(`${board.admin}/#/routes`);
    await page.click('#add-route');
    await page.locator('dialog').waitFor();
    await fits(board, 'the form');
    await board.shot('narrow-form');
}

/** No violation of axe's rules that it calls serious or critical, in both schemes, forms included. */
export async function accessible(board) {
    const source = await fs.readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    await furnish(board);
    const page = await board.open();
    await page.evaluate(source);
    const found = [];
    async function judge(where) {
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
        for (const { id, impact, nodes } of violations.filter((one) => GRAVE.includes(one.impact))) {
            found.push(`${where}: ${impact} ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`);
        }
    }
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        for (const view of VIEWS) {
            await visit(board, view);
            await judge(`${view || 'overview'}, ${colorScheme}`);
        }
        await page.goto(`${board.admin}/#/routes/shop.test`);
        await page.click('#edit-route');
        await page.locator('dialog').waitFor();
        for (const summary of await page.locator('dialog summary').all()) await summary.click();
        await judge(`the form, ${colorScheme}`);
        await page.keyboard.press('Escape');
    }
    assert.deepEqual(found, []);
}

export async function calm(board) {
    const page = await board.open();
    const motion = () => page.evaluate(() => getComputedStyle(document.querySelector('.outcomes i')).transitionDuration);
    await page.locator('.outcomes').waitFor();
    assert.notEqual(await motion(), '0s');
    await page.emulateMedia({ reducedMotion: 'reduce' });
    assert.equal(await motion(), '0s', 'no transition where less motion is asked for');
}
