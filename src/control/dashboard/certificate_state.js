// How long a certificate is still good for, in days and as a judgement.

import { plural } from './format.js';

const DAY = 86_400_000; // milliseconds
const SOON = 30; // days
const VERY_SOON = 7;

export function certificateState({ notBefore, notAfter }, now = Date.now()) {
    const days = Math.floor((new Date(notAfter) - now) / DAY);
    if (new Date(notAfter) <= now) return { days, kind: 'bad', words: 'expired' };
    if (new Date(notBefore) > now) return { days, kind: 'warn', words: 'not valid yet' };
    return { days, kind: days < VERY_SOON ? 'bad' : days < SOON ? 'warn' : 'good', words: `${plural(days, 'day')} left` };
}
