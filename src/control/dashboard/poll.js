// Something that is asked again and again, one at a time, and not while nobody looks.

const SOON = 400; // milliseconds, into which news of a change that come together fall

/**
 * Calls `task` every `interval` milliseconds until stop(). now() does not wait for the next turn; soon() neither, but
 * many of them at once make one.
 */
export function poll(interval, task) {
    let timer;
    let news = null;
    let running = false;
    let again = false;
    let stopped = false;

    async function turn() {
        clearTimeout(timer);
        if (stopped || document.hidden) return;
        if (running) {
            again = true;
            return;
        }
        running = true;
        again = false;
        const began = performance.now();
        try {
            await task();
        } finally {
            running = false;
            const wait = again ? 0 : Math.max(interval / 4, interval - (performance.now() - began));
            if (!stopped) timer = setTimeout(turn, wait);
        }
    }

    document.addEventListener('visibilitychange', turn);
    turn();
    return {
        now: turn,
        soon() {
            news ??= setTimeout(() => {
                news = null;
                turn();
            }, SOON);
        },
        stop() {
            stopped = true;
            clearTimeout(timer);
            clearTimeout(news);
            document.removeEventListener('visibilitychange', turn);
        },
    };
}
