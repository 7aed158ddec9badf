// How long the dashboard's frames take: dashboard_frames.mjs CHROMIUM URL PAGE_SIZE SECONDS SCREENSHOTS
// Looks at the routes, turns pages, filters, opens the other views and a form; prints what each part took, as JSON.

import { chromium } from 'playwright-core';

const [, , executablePath, url, size, seconds, screenshots] = process.argv;
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const parts = [];

/** In the page: times of frames, of tasks over 50 ms and of long animation frames, since it was last asked. */
function watch() {
    const seen = { gaps: [], tasks: [], longFrames: 0 };
    let last = performance.now();
    const frame = (now) => {
        seen.gaps.push(now - last);
        last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    new PerformanceObserver((list) => { seen.longFrames += list.getEntries().length; }).observe({ type: 'long-animation-frame' });
    globalThis.takeTimes = () => {
        const gaps = seen.gaps.splice(0).sort((a, b) => a - b);
        const tasks = seen.tasks.splice(0);
        const { longFrames } = seen;
        seen.longFrames = 0;
        const p99 = gaps[Math.floor(gaps.length * 0.99)] ?? 0;
        return { frames: gaps.length, p99, longest: gaps.at(-1) ?? 0, task: Math.max(0, ...tasks), longFrames };
    };
}

const wait = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function part(name, action) {
    await page.evaluate(() => globalThis.takeTimes());
    await action();
    parts.push({ name, ...await page.evaluate(() => globalThis.takeTimes()) });
}

const rows = page.locator('main tbody tr');
await page.goto(`${url}/#/routes`);
await rows.first().waitFor();
await page.evaluate(watch);
await part('the routes appear', async () => {
    await page.getByLabel('Routes on a page').selectOption(size);
    await rows.nth(Number(size) - 1).waitFor({ state: 'attached' });
    await wait(1_500);
});
await part('numbers move', () => wait(Number(seconds) * 1_000));
await page.screenshot({ path: `${screenshots}/thousand-${size}.png` });
await part('pages are turned', async () => {
    for (let i = 0; i < 8; i += 1) {
        const first = await rows.first().getByRole('link').textContent();
        await page.getByRole('button', { name: 'Next' }).click();
        await page.waitForFunction((before) => document.querySelector('main tbody tr a')?.textContent !== before, first);
    }
});
await part('a filter is typed', async () => {
    await page.getByLabel('Filter').pressSequentially('r00', { delay: 60 });
    const where = page.locator('.pager [role=status]');
    await where.filter({ hasText: /of 100$/ }).waitFor();
    await page.getByLabel('Filter').fill('');
    await where.filter({ hasText: /of 1,000$/ }).waitFor();
});
await part('it is scrolled', async () => {
    for (let i = 0; i < 40; i += 1) {
        await page.mouse.wheel(0, 120);
        await wait(50);
    }
});
await part('the other views', async () => {
    for (const view of ['Overview', 'Certificates', 'Auth', 'Events', 'History', 'Overview', 'Routes']) {
        await page.getByRole('navigation').getByRole('link', { name: view }).click();
        await wait(1_200);
    }
});
await part('a route and its form', async () => {
    await rows.first().getByRole('link').click();
    await page.locator('#edit-route').click();
    await page.locator('dialog').waitFor();
    await wait(1_500);
    await page.keyboard.press('Escape');
    await wait(1_500);
});
console.log(JSON.stringify(parts));
await browser.close();
