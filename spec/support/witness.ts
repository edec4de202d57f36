/**
 * Clients that record everything that they get, on any pod, and what they sent. The rules for it are in
 * `invariants.ts`. They are sockets of `ws`, for many clients: a message that another client got before is
 * not parsed again, its text is compared.
 */
import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import { GLOBAL, type MessageId } from '../../lib/protocol/position.js';
import { asUser, newUser } from './credentials.js';
import { idOf } from './ids.js';
import { until } from './redis.js';
import { checker } from './invariants.js';
import { isControl } from './invariants/frame.js';

/** A message as the first client got it; each later client must get the same text. */
interface ReceivedMessage {
  readonly idText: string;
  readonly id: MessageId;
  readonly room: string;
  readonly text: string;
  /** The number of the sent message; undefined: presence, or another program's. */
  readonly n: number | undefined;
}

type Entry =
  | { readonly _tag: 'Message'; readonly message: ReceivedMessage; readonly at: number }
  | { readonly _tag: 'Gap'; readonly reason: string; readonly at: number };

/** One client's stay in one room. */
interface Ear {
  readonly room: string;
  readonly entries: Entry[];
}

interface Answer {
  readonly idText: string;
  readonly onPod: boolean;
  readonly at: number;
}

/** One message that one client sent. */
export interface SentMessage {
  readonly n: number;
  readonly room: string;
  readonly from: string;
  readonly at: number;
  readonly answers: Answer[];
  refused: string | undefined;
}

export interface Verdict {
  readonly sent: number;
  readonly acked: number;
  readonly ackedOnPod: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly delivered: number;
  /** Offsets that are missing after a `gap`. */
  readonly missingWithGap: number;
  readonly missingWithoutGap: number;
  readonly doubled: number;
  /**
   * Messages outside the log whose position is earlier than the client's: a resume from there repeats
   * messages and loses none.
   */
  readonly behind: number;
  /** The texts of the first few faults; none: all is well. */
  readonly faults: readonly string[];
  readonly faultCount: number;
}

/** A status event: `degraded` or `restored`; `gap` too, with its reason and room. */
export interface StatusEvent {
  readonly event: string;
  readonly reason: string | undefined;
  readonly room: string;
  readonly at: number;
}

/** A client that records what it gets. */
export interface Watcher {
  readonly who: string;
  readonly pod: string;
  /** The `connection_id` of `welcome`. */
  readonly id: string;
  /** The stays in rooms (the global log has the empty name), those that have ended too. */
  readonly ears: readonly Ear[];
  readonly statusEvents: readonly StatusEvent[];
  readonly closeCode: () => number | undefined;
  /** The number of members in the last `joined` of the room. */
  readonly members: (room: string) => number | undefined;
  readonly publish: (room: string) => SentMessage;
  readonly join: (room: string) => Promise<void>;
  readonly leave: (room: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface Witness {
  /** Connects to a room by URL ('' for none), joins the others, waits for each `joined`. */
  readonly watch: (pod: string, port: number, rooms: readonly string[]) => Promise<Watcher>;
  readonly watchers: readonly Watcher[];
  readonly sent: ReadonlyMap<number, SentMessage>;
  readonly messages: ReadonlyMap<string, ReceivedMessage>;
  /** Another program publishes this id, so a message with it is no fault. */
  readonly expect: (idText: string) => void;
  /** Resolves when every message is answered, and nothing has come for `ms`. */
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
/** The position of the id in a message of the service. */
const ID_AT = [7, 43] as const;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export const witness = (path = '/api/chat-api/ws'): Witness => {
  /** Marks the messages of this witness: two witnesses on one Redis share no message and no key. */
  const mark = randomBytes(4).toString('hex');
  const sent = new Map<number, SentMessage>();
  const messages = new Map<string, ReceivedMessage>();
  const watchers: Watcher[] = [];
  const check = checker();
  let receivedAt = 0;

  /** Every second one is a UUID, so it is an idempotency key for every client. */
  const refOf = (n: number): string =>
    n % 2 === 0 ? `${mark} ${n}` : `${mark}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
  const numbers = new Map<string, number>();

  const messageOf = (text: string, { id, room = GLOBAL, data }: Frame): ReceivedMessage => ({
    idText: id,
    id: idOf(id),
    room,
    text,
    n: data?.['mark'] === mark && typeof data['n'] === 'number' ? data['n'] : undefined,
  });

  const watch: Witness['watch'] = async (pod, port, [first = GLOBAL, ...rest]) => {
    const who = `${pod}#${watchers.length}`;
    const user = newUser();
    const socket = new WebSocket(
      `ws://${HOST}:${port}${path}${first === GLOBAL ? '' : `/${first}`}`,
      { perMessageDeflate: false, headers: asUser(user) },
    );
    const ears: Ear[] = [];
    const here = new Map<string, Ear>();
    const members = new Map<string, number>();
    const statusEvents: StatusEvent[] = [];
    let id = '';
    let code: number | undefined;
    let failure: Error | undefined;
    const checked = check.connected({
      client: who,
      user,
      pod,
      at: performance.now(),
      room: first === GLOBAL ? undefined : first,
    });

    const handleControl = ({ type, data = {} }: Frame, at: number): void => {
      const room = textOf(data['room']);
      const ref = textOf(data['ref']);
      const message = sent.get(numbers.get(ref) ?? -1);
      if (type === 'error') {
        if (message !== undefined) message.refused = textOf(data['code']);
        else check.ended(`${who} was refused: ${textOf(data['message'])}`, at);
        return;
      }
      switch (data['event']) {
        case 'welcome':
          id = textOf(data['connection_id']);
          return;
        case 'joined': {
          members.set(room, Number(data['members']));
          if (here.has(room)) return;
          const ear: Ear = { room, entries: [] };
          ears.push(ear);
          here.set(room, ear);
          return;
        }
        case 'left':
          here.delete(room);
          return;
        case 'ack':
          message?.answers.push({
            idText: textOf(data['id']),
            onPod: data['scope'] === 'pod',
            at,
          });
          return;
        case 'gap':
          here.get(room)?.entries.push({ _tag: 'Gap', reason: textOf(data['reason']), at });
      }
      statusEvents.push({ event: textOf(data['event']), reason: textOf(data['reason']), room, at });
    };

    const take = (text: string): void => {
      const at = performance.now();
      checked.received(text, at);
      let message = messages.get(text.slice(...ID_AT));
      if (message?.text !== text) {
        const frame = JSON.parse(text) as Frame;
        if (isControl(frame)) return handleControl(frame, at);
        message = messages.get(frame.id) ?? messageOf(text, frame);
        messages.set(frame.id, message);
      }
      receivedAt = at;
      here.get(message.room)?.entries.push({ _tag: 'Message', message, at });
    };

    socket.on('message', (data: Buffer) => take(data.toString()));
    socket.on('error', (error) => (failure = error));
    socket.on('close', (why) => {
      code = why;
      // it is not known here what broke a socket
      checked.closed(why, why === 1006 || why === 1000 ? 'unknown' : undefined, performance.now());
    });

    const settled = async (what: string, is: () => boolean): Promise<void> => {
      await until(`${who}: ${what}`, () => is() || code !== undefined, 15_000);
      if (code !== undefined)
        throw new Error(`${who}: closed with ${code} before ${what}: ${String(failure)}`);
    };
    const join = async (room: string): Promise<void> => {
      checked.joins(room, undefined, performance.now());
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
      statusEvents,
      closeCode: () => code,
      members: (room) => members.get(room),
      publish: (room) => {
        const n = sent.size;
        const ref = refOf(n);
        const at = performance.now();
        const message: SentMessage = { n, room, from: id, at, answers: [], refused: undefined };
        const data = { mark, n };
        checked.sent({ room, ref, data, keyed: user !== null || n % 2 === 1 }, at);
        sent.set(n, message);
        numbers.set(ref, n);
        socket.send(JSON.stringify({ type: 'chat', room, id: ref, data }));
        return message;
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
    sent,
    messages,
    expect: check.foreignId,
    quiet: async (ms = 300, patienceMs = 20_000) => {
      const isAnswered = ({ answers, refused }: SentMessage): boolean =>
        answers.length > 0 || refused !== undefined;
      await until(
        'every sent message is answered',
        () => [...sent.values()].every(isAnswered),
        patienceMs,
      ).catch(() => undefined);
      await until(
        'nothing is heard any more',
        () => performance.now() - receivedAt > ms,
        patienceMs,
      );
    },
    verdict: () => {
      const at = performance.now();
      check.healed(at);
      const { violations, found, counts } = check.verdict({ at, settled: 0 });
      const all = (tag: string): number => violations.filter((one) => one.tag === tag).length;
      return {
        sent: counts.sent,
        acked: counts.acked,
        ackedOnPod: counts.ackedOnPod,
        refused: counts.refused,
        unanswered: counts.unanswered,
        delivered: counts.delivered,
        missingWithGap: counts.missedWithGap,
        missingWithoutGap: all('I1'),
        doubled: all('I2'),
        behind: counts.behind,
        faults: violations
          .slice(0, MAX_FAULTS)
          .map(({ tag, client = '', room = '', text }) => `${tag} ${client} ${room} ${text}`),
        faultCount: found,
      };
    },
    close: async () => {
      const open = watchers.filter((watcher) => watcher.closeCode() === undefined);
      await Promise.all(open.map((watcher) => watcher.close()));
    },
  };
};

const MAX_FAULTS = 12;
