/**
 * Clients that write down everything they are told, on whichever pod, and what they said themselves. What must be true
 * of that is in `verdict.ts`. Sockets of `ws`, made for many: a message that another client heard before is not parsed
 * again, its text is compared.
 */
import { randomBytes } from 'node:crypto';
import * as O from 'fp-ts/lib/Option.js';
import { WebSocket } from 'ws';
import { GLOBAL, type Id, parseId } from '../../lib/position.js';
import { until } from './redis.js';
import { type Ear, judge, type Said, type Verdict, type Word } from './verdict.js';

/** What is told of the pod: `degraded`, `restored`; `gap` too, with its reason and room. */
export interface Told {
  readonly event: string;
  readonly reason: string | undefined;
  readonly room: string;
  readonly at: number;
}

/** A client that writes down. */
export interface Watcher {
  readonly who: string;
  readonly pod: string;
  /** What `welcome` called it. */
  readonly id: string;
  /** The stays in rooms, the global log's with the empty name; those that ended too. */
  readonly ears: readonly Ear[];
  readonly told: readonly Told[];
  readonly closeCode: () => number | undefined;
  /** Members, as the last `joined` of the room told. */
  readonly members: (room: string) => number | undefined;
  readonly say: (room: string) => Said;
  readonly join: (room: string) => Promise<void>;
  readonly leave: (room: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface Witness {
  /** Connects to a room by URL ('' for none), joins the others, waits for each `joined`. */
  readonly watch: (pod: string, port: number, rooms: readonly string[]) => Promise<Watcher>;
  readonly watchers: readonly Watcher[];
  readonly said: ReadonlyMap<number, Said>;
  readonly words: ReadonlyMap<string, Word>;
  /** Another program publishes this id: whoever hears it hears no ghost. */
  readonly expect: (idText: string) => void;
  /** Everything said is answered, and nothing was heard for `ms`. */
  readonly quiet: (ms?: number, patienceMs?: number) => Promise<void>;
  readonly verdict: () => Verdict;
  readonly close: () => Promise<void>;
}

interface Frame {
  readonly id: string;
  readonly type: string;
  readonly room?: string;
  readonly from: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

const HOST = '127.0.0.1';
/** Where the id stands in a message of ours. */
const ID_AT = [7, 43] as const;

const idOf = (text: string): Id => {
  const id = parseId(text);
  if (O.isNone(id)) throw new Error(`expected a UUIDv7, got ${text}`);
  return id.value;
};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export const witness = (path = '/api/chat-api/ws'): Witness => {
  /** Two witnesses of one Redis do not take each other's messages for their own, nor share a key. */
  const mark = randomBytes(4).toString('hex');
  const said = new Map<number, Said>();
  const words = new Map<string, Word>();
  const strangers = new Set<string>();
  const watchers: Watcher[] = [];
  const altered: string[] = [];
  let heardAt = 0;

  /** Every second one is an idempotency key too, as it is a UUID. */
  const refOf = (n: number): string =>
    n % 2 === 0 ? `${mark} ${n}` : `${mark}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
  const numbers = new Map<string, number>();

  const wordOf = (text: string, { id, type, room = GLOBAL, from, data }: Frame): Word => ({
    idText: id,
    id: idOf(id),
    room,
    text,
    from,
    n: data?.['mark'] === mark && typeof data['n'] === 'number' ? data['n'] : undefined,
    type,
  });

  const watch: Witness['watch'] = async (pod, port, [first = GLOBAL, ...rest]) => {
    const who = `${pod}#${watchers.length}`;
    const socket = new WebSocket(
      `ws://${HOST}:${port}${path}${first === GLOBAL ? '' : `/${first}`}`,
      { perMessageDeflate: false },
    );
    const ears: Ear[] = [];
    const here = new Map<string, Ear>();
    const members = new Map<string, number>();
    const told: Told[] = [];
    let id = '';
    let code: number | undefined;
    let failure: Error | undefined;

    const obey = ({ id: idText, type, data = {} }: Frame, at: number): void => {
      const room = textOf(data['room']);
      const ref = textOf(data['ref']);
      const saying = said.get(numbers.get(ref) ?? -1);
      if (type === 'error') {
        if (saying !== undefined) saying.refused = textOf(data['code']);
        else altered.push(`${who} was refused: ${textOf(data['message'])}`);
        return;
      }
      switch (data['event']) {
        case 'welcome':
          id = textOf(data['connection_id']);
          return;
        case 'joined': {
          members.set(room, Number(data['members']));
          if (here.has(room)) return;
          const ear: Ear = {
            who,
            pod,
            room,
            since: at,
            from: idOf(idText),
            until: undefined,
            entries: [],
          };
          ears.push(ear);
          here.set(room, ear);
          return;
        }
        case 'left': {
          const ear = here.get(room);
          if (ear !== undefined) ear.until = at;
          here.delete(room);
          if (data['reason'] !== 'asked')
            altered.push(`${who} was put out of ${room}: ${textOf(data['reason'])}`);
          return;
        }
        case 'ack': {
          const given = textOf(data['id']);
          if (saying === undefined)
            altered.push(`${who} got an ack of ${ref}, which it never said`);
          else
            saying.answers.push({
              idText: given,
              id: idOf(given),
              onPod: data['scope'] === 'pod',
              isDuplicate: data['duplicate'] === true,
              at,
            });
          return;
        }
        case 'gap':
          here
            .get(room)
            ?.entries.push({ _tag: 'Gap', reason: textOf(data['reason']), id: idOf(idText), at });
      }
      told.push({ event: textOf(data['event']), reason: textOf(data['reason']), room, at });
    };

    const isOurs = ({ type, data }: Frame): boolean =>
      type === 'error' ||
      type === 'pong' ||
      (type === 'system' && CONTROL.has(textOf(data?.['event'])));

    const take = (text: string): void => {
      const at = performance.now();
      let word = words.get(text.slice(...ID_AT));
      if (word?.text !== text) {
        const frame = JSON.parse(text) as Frame;
        if (isOurs(frame)) return obey(frame, at);
        const known = words.get(frame.id);
        if (known !== undefined && known.text !== text)
          altered.push(`${who} heard ${frame.id} with another text`);
        word = known ?? wordOf(text, frame);
        words.set(frame.id, word);
      }
      heardAt = at;
      const ear = here.get(word.room);
      if (ear === undefined)
        altered.push(`${who} heard ${word.idText} of ${word.room}, where it is not`);
      else ear.entries.push({ _tag: 'Word', word, at });
    };

    socket.on('message', (data: Buffer) => take(data.toString()));
    socket.on('error', (error) => (failure = error));
    socket.on('close', (why) => {
      code = why;
      for (const ear of here.values()) ear.until = performance.now();
    });

    const settled = async (what: string, is: () => boolean): Promise<void> => {
      await until(`${who}: ${what}`, () => is() || code !== undefined, 15_000);
      if (code !== undefined)
        throw new Error(`${who}: closed with ${code} before ${what}: ${String(failure)}`);
    };
    const join = async (room: string): Promise<void> => {
      socket.send(JSON.stringify({ type: 'join', room }));
      await settled(`joined ${room}`, () => here.has(room));
    };

    const watcher: Watcher = {
      who,
      pod,
      get id() {
        return id;
      },
      ears,
      told,
      closeCode: () => code,
      members: (room) => members.get(room),
      say: (room) => {
        const n = said.size;
        const ref = refOf(n);
        const saying: Said = {
          n,
          room,
          pod,
          from: id,
          at: performance.now(),
          answers: [],
          refused: undefined,
        };
        said.set(n, saying);
        numbers.set(ref, n);
        socket.send(JSON.stringify({ type: 'chat', room, id: ref, data: { mark, n } }));
        return saying;
      },
      join,
      leave: async (room) => {
        socket.send(JSON.stringify({ type: 'leave', room }));
        await settled(`left ${room}`, () => !here.has(room));
      },
      close: async () => {
        socket.close(1000);
        await until(`${who} closed`, () => code !== undefined);
      },
    };
    watchers.push(watcher);
    await settled('joined', () => here.has(GLOBAL) && (first === GLOBAL || here.has(first)));
    await Promise.all(rest.map(join));
    return watcher;
  };

  return {
    watch,
    watchers,
    said,
    words,
    expect: (idText) => strangers.add(idText),
    quiet: async (ms = 300, patienceMs = 20_000) => {
      const isAnswered = ({ answers, refused }: Said): boolean =>
        answers.length > 0 || refused !== undefined;
      await until(
        'every saying is answered',
        () => [...said.values()].every(isAnswered),
        patienceMs,
      ).catch(() => undefined);
      await until('nothing is heard any more', () => performance.now() - heardAt > ms, patienceMs);
    },
    verdict: () => {
      const verdict = judge(
        said,
        watchers.flatMap(({ ears }) => ears),
        strangers,
      );
      return {
        ...verdict,
        faults: [...altered.slice(0, 12), ...verdict.faults],
        faultCount: verdict.faultCount + altered.length,
      };
    },
    close: async () => {
      const open = watchers.filter((watcher) => watcher.closeCode() === undefined);
      await Promise.all(open.map((watcher) => watcher.close()));
    },
  };
};

const CONTROL: ReadonlySet<string> = new Set([
  'welcome',
  'joined',
  'left',
  'ack',
  'gap',
  'degraded',
  'restored',
  'draining',
  'token_expiring',
]);
