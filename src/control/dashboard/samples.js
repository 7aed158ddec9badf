// What was seen of the statistics, second by second: the last five minutes, for the charts.

const SPAN = 300; // seconds
const GAP = 5_000; // milliseconds without a sample after which a line is broken

/** `numbers` is an answer of /stats or /stats/:vHost. */
function sampleOf(numbers) {
    const total = numbers.latency.total;
    const measured = total.count > 0;
    return {
        time: Date.now(),
        rate: numbers.rate['1s'],
        p50: measured ? total.p50 : null,
        p99: measured ? total.p99 : null,
    };
}

export class Samples {
    list = [];

    add(numbers) {
        const sample = sampleOf(numbers);
        const oldest = sample.time - SPAN * 1000;
        this.list.push(sample);
        while (this.list[0].time < oldest) this.list.shift();
    }

    /** How much time a chart of these shows, in seconds: a minute at least, so that young lines are lines. */
    get span() {
        const age = this.list.length > 0 ? (Date.now() - this.list[0].time) / 1000 : 0;
        return Math.min(SPAN, Math.max(60, Math.ceil(age / 60) * 60));
    }

    /** The values of `key` as unbroken runs of {time, value}. */
    runs(key) {
        const runs = [];
        let before = -Infinity;
        for (const sample of this.list) {
            if (sample[key] === null) continue;
            if (sample.time - before > GAP) runs.push([]);
            runs.at(-1).push({ time: sample.time, value: sample[key] });
            before = sample.time;
        }
        return runs;
    }

    /** The sample nearest to a moment. */
    nearest(time) {
        let best = null;
        for (const sample of this.list) {
            if (!best || Math.abs(sample.time - time) < Math.abs(best.time - time)) best = sample;
        }
        return best;
    }
}
