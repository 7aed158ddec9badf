// Who may: tokens, those that only read; and who has no mouse.

import assert from 'node:assert/strict';
import fs from 'node:fs/promises';

async function enter(page, token) {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Continue' }).click();
}

export async function asksForToken(board) {
    board.expect(401);
    const page = await board.open('#/routes');
    await page.getByRole('heading', { name: 'A token, please' }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'token');
    await board.shot('token');
    await enter(page, 'wrong-token-0123456789');
    await page.getByText('The API does not know this token.').waitFor();
    assert.equal(await page.locator('#token').getAttribute('aria-invalid'), 'true');
    await enter(page, board.writer);
    await page.getByRole('heading', { level: 1, name: 'Routes' }).waitFor();
    await page.locator('#add-route').waitFor();
    assert.equal(await page.getByText('Read-only token').isVisible(), false);
    await page.reload();
    await page.locator('#add-route').waitFor();
    const kept = await page.evaluate(() => ({ local: JSON.stringify(localStorage), cookie: document.cookie, url: location.href }));
    assert.ok(!JSON.stringify(kept).includes(board.writer), 'the token is in no storage that outlives the tab, and in no address');
    await page.click('#sign-out');
    await page.getByRole('heading', { name: 'A token, please' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'it is forgotten');
    assert.equal(await page.locator('main table').count(), 0, 'with what it has shown');
}

export async function readOnly(board) {
    board.expect(401);
    const page = await board.open('#/routes');
    await enter(page, board.reader);
    await page.getByText('Read-only token').waitFor();
    await page.getByRole('heading', { level: 1, name: 'Routes' }).waitFor();
    assert.equal(await page.locator('#add-route').isVisible(), false, 'nothing to edit with');
    await board.shot('read-only');
    await page.goto(`${board.admin}/#/certificates`);
    await page.getByText('No certificates have been uploaded').waitFor();
    assert.equal(await page.locator('#upload').isVisible(), false);
}

/** What a token may do changes while a form is open. */
export async function losesRights(board) {
    board.expect(401, 403);
    const page = await board.open('#/routes');
    await enter(page, board.writer);
    await page.click('#add-route');
    await page.locator('dialog [data-pointer="/vHost"]').fill('a.test');
    const text = await fs.readFile(board.tokens, 'utf8');
    await fs.writeFile(`${board.tokens}.new`, text.replace(`${board.writer} read-write`, `${board.writer} read-only`), { mode: 0o600 });
    await fs.rename(`${board.tokens}.new`, board.tokens);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.locator('.form-summary').getByText('This token may only read.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('Read-only token').waitFor();
    assert.equal(await page.locator('#add-route').isVisible(), false);
}

/** A route is added with the keyboard alone, and the focus is seen wherever it goes. */
export async function keyboard(board) {
    const page = await board.open('#/');
    await page.getByText('connected').waitFor();
    const focused = () => page.evaluate(() => {
        const { id, dataset, textContent } = document.activeElement;
        return dataset.pointer ?? (id || textContent.trim());
    });
    async function tabTo(wanted) {
        for (let i = 0; i < 60; i += 1) {
            await page.keyboard.press('Tab');
            if (await focused() !== wanted) continue;
            const outline = await page.evaluate(() => {
                const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                return `${outlineStyle} ${outlineWidth}`;
            });
            assert.equal(outline, 'solid 2px', `the focus on ${wanted} is seen`);
            return;
        }
        assert.fail(`the Tab key does not lead to ${wanted}`);
    }
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'skip', 'the first stop skips the navigation');
    await page.keyboard.press('Enter');
    assert.equal(await focused(), 'main');
    await page.keyboard.press('Shift+Tab');
    assert.equal(await focused(), 'theme', 'nothing traps the focus');
    await page.evaluate(() => document.activeElement.blur());
    await page.goto(`${board.admin}/#/overview`);
    await tabTo('Routes');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Routes' }).waitFor();
    await tabTo('add-route');
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    assert.equal(await focused(), 'add-route', 'the focus is back where the dialog was opened');
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor();
    const typed = { '/vHost': 'keys.test', '/backends/0/hostname': '127.0.0.1', '/backends/0/port': String(board.origin) };
    for (const [pointer, text] of Object.entries(typed)) {
        await tabTo(pointer);
        await page.keyboard.type(text);
    }
    await board.shot('keyboard');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'keys.test' }).waitFor();
    assert.equal((await board.made('GET', '/routes/keys.test')).body.backends[0].port, board.origin);
}
