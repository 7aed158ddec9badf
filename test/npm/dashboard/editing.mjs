// What is changed through the page: routes, backends, certificates; and what is said where it is refused.

import assert from 'node:assert/strict';

const field = (page, pointer) => page.locator(`dialog [data-pointer="${pointer}"]`);
const errorOf = async (page, pointer) => page.locator(`#${await field(page, pointer).getAttribute('id')}-error`);

/** The field's error has these words; the field is marked and has the focus. */
async function complains(board, pointer, words) {
    const { page } = board;
    const error = await errorOf(page, pointer);
    await board.until(`the error of ${pointer}`, () => error.textContent(), (text) => words.test(text));
    assert.ok(await error.isVisible(), 'the error is seen');
    assert.equal(await field(page, pointer).getAttribute('aria-invalid'), 'true');
    assert.ok((await field(page, pointer).getAttribute('aria-describedby')).includes(await error.getAttribute('id')));
    assert.ok(await field(page, pointer).evaluate((input) => input === document.activeElement), 'the field has the focus');
}

export async function addRoute(board) {
    const page = await board.open('#/routes');
    await page.getByText('There are no routes yet').waitFor();
    await page.click('#add-route');
    await field(page, '/vHost').fill('new.test');
    await field(page, '/backends/0/hostname').fill('127.0.0.1');
    await field(page, '/backends/0/port').fill(String(board.origin));
    await field(page, '/reqActiveLength').fill('7');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Nothing is wrong with this').waitFor();
    assert.equal((await board.api('GET', '/routes/new.test')).status, 404, 'a check adds nothing');
    await board.shot('form');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('link', { name: 'new.test' }).waitFor();
    await page.getByText('Route new.test has been added.').waitFor();
    const { body } = await board.made('GET', '/routes/new.test');
    assert.equal(body.reqActiveLength, 7);
    assert.equal(body.backends[0].port, board.origin);
    assert.equal(body.circuit.minRequests, 20, 'what nobody touched is as it is by default');
}

export async function refusedEdit(board) {
    const backend = { id: 'b', hostname: '127.0.0.1', port: board.origin };
    await board.made('POST', '/routes', { vHost: 'a.test', retries: 1, backends: [backend] });
    const page = await board.open('#/routes/a.test');
    await page.click('#edit-route');
    await field(page, '/reqActiveLength').fill('5');
    await page.locator('summary', { hasText: 'Time-outs' }).click();
    await field(page, '/retries').fill('99');
    await page.locator('summary', { hasText: 'Time-outs' }).click(); // closed again: an error opens it
    board.expect(422);
    await page.getByRole('button', { name: 'Save' }).click();
    await complains(board, '/retries', /must be from 0 to 10/);
    await board.shot('refused');
    await field(page, '/retries').fill('3');
    await field(page, '/timeout').fill('soon');
    await page.getByRole('button', { name: 'Check' }).click();
    await complains(board, '/timeout', /./);
    assert.equal(await (await errorOf(page, '/retries')).isVisible(), false, 'an error goes with its cause');
    await field(page, '/timeout').fill('');
    await page.locator('summary', { hasText: 'Request and response fields' }).click();
    await field(page, '/headers').fill('X-Good: 1\nbad name: 2\nServer');
    await page.getByRole('button', { name: 'Save' }).click();
    await complains(board, '/headers', /bad name/);
    await field(page, '/headers').fill('X-Good: 1\nX-Gone');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Route a.test has been changed.').waitFor();
    const { body } = await board.made('GET', '/routes/a.test');
    assert.deepEqual([body.retries, body.timeout, body.reqActiveLength], [3, null, 5]);
    assert.deepEqual(body.headers, { 'X-Good': '1', 'X-Gone': null });
    assert.equal(body.backends[0].id, 'b', 'the backends stay');
}

/** What has no field of its own is said above the form. */
export async function takenHost(board) {
    await board.made('POST', '/routes', { vHost: 'a.test', aliases: ['b.test'] });
    const page = await board.open('#/routes');
    await page.click('#add-route');
    await field(page, '/vHost').fill('a.test');
    board.expect(409);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await complains(board, '/vHost', /exists/);
    assert.match(await page.locator('.form-summary').textContent(), /There is a route "a.test" already/);
}

export async function conflict(board) {
    await board.made('POST', '/routes', { vHost: 'a.test', retries: 1, reqActiveLength: 1, backends: [] });
    const page = await board.open('#/routes/a.test');
    await page.click('#edit-route');
    await field(page, '/reqActiveLength').fill('50');
    await board.made('PUT', '/routes/a.test', { vHost: 'a.test', retries: 4, reqQueueLength: 9 });
    board.expect(412);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Somebody has changed this since you opened it').waitFor();
    await board.shot('conflict');
    assert.equal((await board.made('GET', '/routes/a.test')).body.reqActiveLength, 0, 'nothing has been overwritten');
    await page.getByRole('button', { name: 'Put my changes into the present version' }).click();
    await page.getByText('The present version, with your changes in it').waitFor();
    assert.equal(await field(page, '/reqQueueLength').inputValue(), '9');
    assert.equal(await field(page, '/reqActiveLength').inputValue(), '50');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Route a.test has been changed.').waitFor();
    const { body } = await board.made('GET', '/routes/a.test');
    assert.deepEqual([body.retries, body.reqActiveLength, body.reqQueueLength], [4, 50, 9], 'both changes are there');
}

export async function backends(board) {
    await board.made('POST', '/routes', { vHost: 'a.test', backends: [{ id: 'one', hostname: '127.0.0.1', port: board.origin }] });
    const page = await board.open('#/routes/a.test');
    const row = (id) => page.getByRole('row', { name: new RegExp(`^${id}`) });
    await row('one').getByText('alive').waitFor();
    await row('one').getByRole('button', { name: 'Drain one' }).click();
    await row('one').getByText('maintenance').waitFor();
    assert.equal((await board.made('GET', '/routes/a.test/backends/one')).body.state, 'maintenance');
    await board.shot('drained');
    await row('one').getByRole('button', { name: 'Put back one' }).click();
    await row('one').getByText('alive').waitFor();
    assert.equal((await board.made('GET', '/routes/a.test/backends/one')).body.state, 'alive');

    await page.click('#add-backend');
    await field(page, '/id').fill('two');
    await field(page, '/hostname').fill('127.0.0.1');
    await field(page, '/port').fill('70000');
    board.expect(422);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await complains(board, '/port', /./);
    await field(page, '/port').fill('9');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await row('two').waitFor();
    await row('two').getByRole('button', { name: 'Edit two' }).click();
    await field(page, '/weight').fill('5');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Backend two has been changed.').waitFor();
    assert.equal((await board.made('GET', '/routes/a.test/backends/two')).body.weight, 5);
    await row('two').getByRole('button', { name: 'Remove two' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Remove' }).click();
    await row('two').waitFor({ state: 'detached' });
    assert.equal((await board.api('GET', '/routes/a.test/backends/two')).status, 404);

    await page.click('#delete-route');
    await page.locator('dialog').getByRole('button', { name: 'Cancel' }).click();
    assert.equal((await board.api('GET', '/routes/a.test')).status, 200, 'a cancelled question does nothing');
    await page.click('#delete-route');
    await page.locator('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('There are no routes yet').waitFor();
    assert.equal((await board.api('GET', '/routes/a.test')).status, 404);
}

export async function certificates(board) {
    const page = await board.open('#/certificates');
    await page.getByText('No certificates have been uploaded').waitFor();
    await page.click('#upload');
    await field(page, '/domain').fill('a.test');
    await field(page, '/cert').fill('not a certificate');
    await field(page, '/key').fill(board.pair.key);
    board.expect(422);
    await page.getByRole('button', { name: 'Upload', exact: true }).click();
    await complains(board, '/cert', /./);
    await page.locator('dialog input[type=file]').first().setInputFiles({
        name: 'chain.pem', mimeType: 'application/x-pem-file', buffer: Buffer.from(board.pair.cert),
    });
    await board.until('the file’s text', () => field(page, '/cert').inputValue(), (text) => text === board.pair.cert);
    await page.getByRole('button', { name: 'Upload', exact: true }).click();
    const row = page.getByRole('row', { name: /^a\.test/ });
    await row.getByText(/29 days left|30 days left/).waitFor();
    await board.shot('certificates');
    const secret = board.pair.key.split('\n')[2];
    assert.ok(!(await page.content()).includes(secret), 'the key is nowhere on the page');
    await row.getByRole('button', { name: /Remove/ }).click();
    await page.locator('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No certificates have been uploaded').waitFor();
    assert.equal((await board.api('GET', '/certificates/a.test')).status, 404);
}

export async function rollBack(board) {
    await board.made('POST', '/routes', { vHost: 'first.test' });
    await board.made('POST', '/routes', { vHost: 'second.test' });
    const page = await board.open('#/history');
    await page.getByRole('button', { name: 'Roll back to revision 1' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Roll back' }).click();
    await page.getByText('Everything is as it was after revision 1.').waitFor();
    assert.equal((await board.api('GET', '/routes/second.test')).status, 404);
    assert.equal((await board.api('GET', '/routes/first.test')).status, 200);
    await page.getByRole('row', { name: /^3/ }).getByText('present').waitFor();
    await board.shot('history');
}
