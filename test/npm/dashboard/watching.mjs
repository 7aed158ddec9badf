// What the page shows: traffic, routes page by page, what others have written; and when it asks.

import assert from 'node:assert/strict';
import http from 'node:http';

/** Requests through the proxy until stop(); how many were answered. */
function traffic(board, host) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    let going = true;
    let answered = 0;
    const ask = () => new Promise((resolve, reject) => {
        const request = http.get({ port: board.proxy, host: '127.0.0.1', path: '/', headers: { Host: host }, agent }, (answer) => {
            answer.resume();
            answer.on('end', resolve);
        });
        request.on('error', reject);
    });
    const ended = (async () => {
        while (going) {
            await ask();
            answered += 1;
            await new Promise((resolve) => { setTimeout(resolve, 10); });
        }
    })();
    return {
        async stop() {
            going = false;
            await ended;
            agent.destroy();
            return answered;
        },
    };
}

const numberIn = (text) => Number(text.replaceAll(',', ''));
const tile = (page, label) => page.locator('.tile', { has: page.getByText(label, { exact: true }) }).locator('.tile-value');

export async function load(board) {
    const page = await board.open();
    assert.equal(await page.title(), 'Overview · Penstock');
    await page.getByText('connected').waitFor();
    for (const label of ['Overview', 'Routes', 'Certificates', 'Auth', 'Events', 'History']) {
        await page.getByRole('navigation').getByRole('link', { name: label }).click();
        await page.getByRole('heading', { level: 1, name: label === 'Auth' ? 'Auth providers' : label }).waitFor();
        assert.equal(await page.locator('nav [aria-current=page]').textContent(), label);
        assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1', 'the focus is at the new view’s heading');
    }
}

export async function seesTraffic(board) {
    await board.made('POST', '/routes', { vHost: 'a.test', backends: [{ id: 'one', hostname: '127.0.0.1', port: board.origin }] });
    const page = await board.open();
    const load = traffic(board, 'a.test');
    const path = page.locator('.chart .line').first();
    await board.until('the rate', async () => numberIn(await tile(page, 'Requests/s').textContent()), (rate) => rate > 1);
    await board.until('the traffic’s line', () => path.getAttribute('d'), (d) => /L/.test(d ?? ''));
    const picture = page.locator('.chart svg').first();
    await board.until('its words', () => picture.getAttribute('aria-label'), (words) => /Traffic, requests a second.*between/.test(words));
    await page.locator('.chart summary').first().click();
    await board.until('its table', () => page.locator('.chart table tbody tr').count());
    await board.until('the latency', () => tile(page, 'p99 latency').textContent(), (text) => /ms|µs/.test(text));
    await board.shot('traffic');

    await page.goto(`${board.admin}/#/routes`);
    const row = page.getByRole('row', { name: /^a\.test/ });
    await board.until('the route’s rate', async () => numberIn(await row.getByRole('cell').nth(1).textContent()), (rate) => rate > 1);
    await row.getByRole('link').click();
    await board.until('the backend’s rate', async () => numberIn(
        await page.getByRole('row', { name: /^one/ }).getByRole('cell').nth(2).textContent()), (rate) => rate > 1);
    const answered = await load.stop();
    const completed = async () => numberIn(await tile(page, 'Completed').textContent());
    await board.until('all that were answered', completed, (many) => many === answered);
}

export async function limits(board) {
    await board.made('POST', '/routes', {
        vHost: 'slow.test', reqActiveLength: 2, reqQueueLength: 4, abortOnClose: true,
        backends: [{ id: 'one', hostname: '127.0.0.1', port: board.silent }],
    });
    const requests = Array.from({ length: 3 }, () => http.get({ port: board.proxy, host: '127.0.0.1', headers: { Host: 'slow.test' } }));
    requests.forEach((request) => request.on('error', () => {}));
    const page = await board.open('#/routes');
    const meter = (name) => page.getByRole('meter', { name });
    const active = () => meter('Active requests of slow.test').getAttribute('aria-valuenow');
    await board.until('active', active, (value) => value === '2');
    assert.equal(await meter('Active requests of slow.test').getAttribute('aria-valuetext'), '2 of 2');
    await board.until('queued', () => meter('Queued requests of slow.test').getAttribute('aria-valuenow'), (value) => value === '1');
    await board.shot('limits');
    requests.forEach((request) => request.destroy());
    await board.until('active, when they have left', active, (value) => value === '0');
}

export async function pages(board) {
    const routes = Array.from({ length: 130 }, (_, i) => ({ vHost: `r${String(i).padStart(3, '0')}.test` }));
    await board.made('PUT', '/config', { version: 1, routes });
    const page = await board.open('#/routes');
    const rows = page.locator('main tbody tr');
    const first = () => rows.first().getByRole('link').textContent();
    await page.getByText('1 to 50 of 130').waitFor();
    await board.until('fifty rows', () => rows.count(), (many) => many === 50);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('51 to 100 of 130').waitFor();
    assert.equal(await first(), 'r050.test');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('101 to 130 of 130').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled());
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByText('51 to 100 of 130').waitFor();
    await page.getByLabel('Filter').fill('R12');
    await page.getByText('1 to 10 of 10').waitFor();
    assert.equal(await first(), 'r120.test');
    await page.getByLabel('Filter').fill('none');
    await page.getByText('No host has “none” in it.').waitFor();
    await page.getByLabel('Filter').fill('');
    await page.getByLabel('Routes on a page').selectOption('25');
    await page.getByText('1 to 25 of 130').waitFor();
    assert.equal(await first(), 'r000.test');
}

/** Names and ids are others' words, on every view that shows them. */
export async function hostile(board) {
    const markup = '<img src=x onerror="globalThis.pwned=1">';
    const realm = 'a realm <script>globalThis.pwned=1</script>';
    await board.made('POST', '/auth-providers', { id: markup, type: 'bearer', realm, tokens: [] });
    await board.made('POST', '/routes', {
        vHost: 'a.test', id: markup, authProvider: markup, headers: { 'X-Markup': markup },
        backends: [{ id: `${markup}"'&`, hostname: '127.0.0.1', port: board.origin }],
    });
    await board.made('POST', '/certificates', { domain: 'a.test', cert: board.hostilePair.cert, key: board.hostilePair.key });
    const page = await board.open('#/routes/a.test');
    await page.getByText(`asks ${markup}`).waitFor();
    const row = page.locator('main tbody tr');
    await board.until('the id as it is written', () => row.getByRole('rowheader').textContent(), (text) => text.startsWith(`${markup}"'&`));
    await row.getByRole('button', { name: /Drain/ }).click();
    await row.getByText('maintenance').waitFor();
    await page.locator('#notices').getByText(markup).waitFor();
    await row.getByRole('button', { name: /Remove/ }).click();
    await page.locator('dialog').getByRole('heading').getByText(markup).waitFor();
    await page.keyboard.press('Escape');
    await page.click('#edit-route');
    await page.locator('summary', { hasText: 'Request and response' }).click();
    assert.equal(await page.locator('dialog [data-pointer="/headers"]').inputValue(), `X-Markup: ${markup}`);
    await page.keyboard.press('Escape');
    for (const view of ['auth', 'certificates', 'history', 'events', '']) {
        await page.goto(`${board.admin}/#/${view}`);
        if (view === 'certificates') await page.getByText(/CN=.*<b.*issuer/).waitFor();
        if (view === 'auth') await page.getByRole('rowheader', { name: markup }).waitFor();
    }
    await page.goto(`${board.admin}/#/routes/${encodeURIComponent(markup)}`);
    board.expect(404);
    await page.getByRole('heading', { level: 1, name: markup }).waitFor();
    await page.getByText('There is no route').waitFor();
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined, 'nothing of it was run');
    assert.equal(await page.locator('main img, main script, dialog img').count(), 0, 'nothing of it became an element');
}

export async function pauses(board) {
    const page = await board.open();
    await page.getByText('connected').waitFor();
    const pretend = (hidden) => page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    let asked = 0;
    page.on('request', (request) => { asked += request.url().includes('/stats') ? 1 : 0; });
    await board.until('it asks', () => asked, (many) => many >= 2);
    await pretend(true);
    await page.waitForLoadState('networkidle');
    asked = 0;
    await new Promise((resolve) => { setTimeout(resolve, 2_500); }); // two turns and a half, in which it must not ask
    assert.equal(asked, 0, 'questions while nobody looks');
    await pretend(false);
    await board.until('it asks again', () => asked, (many) => many >= 2);
}

export async function silence(board) {
    const page = await board.open('#/routes');
    await page.getByText('connected').waitFor();
    board.expect('none');
    await page.route('**/api/**', (route) => route.abort());
    await page.getByText('no answer').waitFor();
    await page.getByRole('alert').getByText('The proxy does not answer').waitFor();
    await page.unroute('**/api/**');
    await page.getByText('connected').waitFor();
    await board.until('the words go', () => page.getByRole('alert').getByText('The proxy does not answer').count(), (many) => many === 0);
}

/** What the proxy itself tells of changes that are made elsewhere. */
export async function liveEvents(board) {
    const page = await board.open('#/events');
    await page.getByText('Live').waitFor();
    await board.made('POST', '/routes', { vHost: 'a.test', backends: [{ id: 'one', hostname: '127.0.0.1', port: board.origin }] });
    await board.made('POST', '/routes/a.test/backends/one/dead');
    const lines = page.getByRole('log').getByRole('listitem');
    await board.until('two events', () => lines.count(), (many) => many === 2);
    assert.match(await lines.nth(1).textContent(), /route created *a\.test/);
    assert.match(await lines.nth(0).textContent(), /backend dead *a\.test.*maintenance/);
    await page.goto(`${board.admin}/#/routes/a.test`);
    await page.getByRole('row', { name: /^one/ }).getByText('maintenance').waitFor();
    await board.made('DELETE', '/routes/a.test/backends/one/dead');
    await page.getByRole('row', { name: /^one/ }).getByText('alive').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
    await page.getByText('backend alive').waitFor();
    await board.shot('live');
}

/** Server-sent events, whatever pieces they come in, and taken up again where the connection ended. */
export async function stream(board) {
    const page = await board.open();
    const parsed = await page.evaluate(async () => {
        const { EventParser } = await import('/dashboard/stream.js');
        const text = ': a comment\n\nid: 1\nevent: a\ndata: x\n\nid: 2\r\ndata:y\r\ndata:  z\r\n\r\n'
            + 'event: none\n\rdata\rid\r\rdata: cut';
        const seen = [];
        for (const size of [1, 2, 3, 7, 1000]) {
            const events = [];
            const parser = new EventParser((event) => events.push(`${event.type} ${event.id} ${event.data}`));
            for (let i = 0; i < text.length; i += size) parser.feed(text.slice(i, i + size));
            seen.push(events);
        }
        return seen;
    });
    for (const events of parsed) assert.deepEqual(events, ['a 1 x', 'message 2 y\n z', 'message  '], 'events, by the HTML standard');

    const asked = [];
    const facts = (more) => JSON.stringify({ vHost: 'a.test', id: 'one', authority: '10.0.0.1:80', ...more });
    const bodies = [
        `id: 41\nevent: backend.dead\ndata: ${facts({ reason: 'connection_refused' })}\n\n`,
        `id: 42\nevent: backend.alive\ndata: ${facts({ note: '<img src=x onerror="globalThis.pwned=1">' })}\n\n`,
    ];
    await page.route('**/api/v1/events', async (route) => {
        asked.push(await route.request().headerValue('last-event-id'));
        const body = bodies[asked.length - 1];
        if (body) await route.fulfill({ status: 200, contentType: 'text/event-stream', body });
        else await new Promise(() => {}); // open, and silent
    });
    await page.goto(`${board.admin}/#/events`);
    await page.reload();
    const lines = page.getByRole('log').getByRole('listitem');
    await board.until('two events', () => lines.count(), (many) => many === 2);
    assert.match(await lines.nth(1).textContent(), /backend dead *a\.test *10\.0\.0\.1:80, connection refused/);
    assert.match(await lines.nth(0).textContent(), /backend alive.*<img src=x/);
    await board.until('the third question', () => asked.length, (many) => many === 3);
    assert.deepEqual(asked, [null, '41', '42'], 'where it took up again');
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
    await page.getByLabel('Kind of events').selectOption('certificate');
    await page.getByText('No event of this kind so far.').waitFor();
    await page.getByLabel('Kind of events').selectOption('backend');
    assert.equal(await lines.count(), 2);
    await board.shot('events');
}
