// Server-sent events by fetch, for EventSource cannot send a token: parsed as the HTML standard says, taken up again
// with Last-Event-ID where the connection ends, and let go while nobody looks.

import { authorization, checked, Problem } from './api.js';

const FIRST_WAIT = 1_000; // milliseconds, doubled with each failure
const LONGEST_WAIT = 30_000;

/** Feed it pieces of text; calls onEvent({type, id, data}) at each empty line. */
export class EventParser {
    constructor(onEvent) {
        this.onEvent = onEvent;
        this.rest = '';
        this.id = '';
        this.lastId = ''; // of the last block, which need have no data
        this.begin();
    }

    begin() {
        this.type = 'message';
        this.data = [];
    }

    feed(text) {
        const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
        this.rest = lines.pop();
        lines.forEach((line) => this.line(line));
    }

    line(line) {
        if (line === '') {
            this.lastId = this.id;
            if (this.data.length > 0) this.onEvent({ type: this.type, id: this.id, data: this.data.join('\n') });
            this.begin();
            return;
        }
        const colon = line.indexOf(':');
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (name === 'event') this.type = value;
        else if (name === 'data') this.data.push(value);
        else if (name === 'id' && !value.includes('\0')) this.id = value;
    }
}

export class EventStream {
    /** onEvent as above; onState('open' | 'waiting' | 'closed', words). */
    constructor(url, onEvent, onState) {
        Object.assign(this, { url, onEvent, onState, lastId: '', wait: FIRST_WAIT, stopped: true });
        this.watch = () => (document.hidden ? this.leave('closed', 'Paused while this page is hidden.') : this.run());
    }

    start() {
        if (!this.stopped) return;
        this.stopped = false;
        document.addEventListener('visibilitychange', this.watch);
        this.run();
    }

    stop() {
        this.stopped = true;
        document.removeEventListener('visibilitychange', this.watch);
        this.leave('closed', '');
    }

    leave(state, words) {
        clearTimeout(this.timer);
        this.connection?.abort();
        this.connection = null;
        this.onState(state, words);
    }

    async run() {
        if (this.stopped || this.connection || document.hidden) return;
        clearTimeout(this.timer);
        const connection = new AbortController();
        this.connection = connection;
        let why = 'The connection ended.';
        try {
            await this.read(connection.signal);
        } catch (error) {
            why = error instanceof Problem ? error.message : 'The proxy does not answer.';
        }
        if (this.connection !== connection) return; // it was left on purpose
        this.connection = null;
        this.onState('waiting', why);
        this.timer = setTimeout(() => this.run(), this.wait);
        this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    }

    async read(signal) {
        const headers = { Accept: 'text/event-stream', ...authorization() };
        if (this.lastId !== '') headers['Last-Event-ID'] = this.lastId;
        const response = await checked(await fetch(this.url, { headers, signal, cache: 'no-store', credentials: 'omit' }));
        this.onState('open', '');
        const parser = new EventParser((event) => {
            this.lastId = event.id;
            this.onEvent(event);
        });
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            parser.feed(value);
            if (parser.lastId !== '') this.lastId = parser.lastId;
            this.wait = FIRST_WAIT; // it speaks
        }
    }
}
