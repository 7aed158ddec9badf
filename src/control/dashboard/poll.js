// Something that is asked again and again, one at a time, and not while nobody looks.

/** Calls `task` every `interval` milliseconds until stop(); now() does not wait for the next turn. */
export function poll(interval, task) {
    let timer;
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
        stop() {
            stopped = true;
            clearTimeout(timer);
            document.removeEventListener('visibilitychange', turn);
        },
    };
}
