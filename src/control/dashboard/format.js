// Numbers, sizes and times as people read them. A dash stands for what is not known.

export const NONE = '–';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat('en-GB', {
    year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
});
const day = new Intl.DateTimeFormat('en-GB', { year: 'numeric', month: 'short', day: 'numeric' });

export function number(value) {
    return value < 1_000_000 ? whole.format(value) : compact.format(value);
}

/** Requests a second. */
export function rate(value) {
    return value > 0 && value < 10 ? tenth.format(value) : number(value);
}

export function milliseconds(value) {
    if (value >= 10_000) return `${tenth.format(value / 1000)} s`;
    if (value >= 100) return `${whole.format(value)} ms`;
    if (value >= 1) return `${tenth.format(value)} ms`;
    return value > 0 ? `${whole.format(Math.max(1, value * 1000))} µs` : '0 ms';
}

/** A percentile of a histogram of the API; a dash where it counted nothing. */
export function percentile(histogram, name) {
    return histogram.count > 0 ? milliseconds(histogram[name]) : NONE;
}

export function bytes(value) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let size = value;
    let unit = 0;
    while (size >= 1024 && unit < units.length - 1) {
        size /= 1024;
        unit += 1;
    }
    return `${(size < 10 && unit > 0 ? tenth : whole).format(size)} ${units[unit]}`;
}

/** Of seconds: the two largest units. */
export function duration(seconds) {
    const parts = [];
    let left = Math.floor(seconds);
    for (const [name, size] of [['d', 86_400], ['h', 3_600], ['min', 60], ['s', 1]]) {
        const many = Math.floor(left / size);
        if (many > 0 || (name === 's' && parts.length === 0)) parts.push(`${many} ${name}`);
        left -= many * size;
    }
    return parts.slice(0, 2).join(' ');
}

/** 1 backend, 2 backends. */
export function plural(count, noun) {
    return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function written(format, when) {
    const date = new Date(when);
    return Number.isNaN(date.getTime()) ? NONE : format.format(date);
}

export const timeOfDay = (when) => written(clock, when);
export const dateAndTime = (when) => written(dayAndClock, when);
export const date = (when) => written(day, when);
