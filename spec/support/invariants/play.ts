/** Histories of two clients in a room, as input of the checker. */
import { formatId, type MessageId } from '../../../lib/protocol/position.js';
import { type Checker, checker, type CheckerOptions, type Ears } from '../invariants.js';

export const EPOCH = 1_700_000_000_000;
export const TAG = 7;

export const idAt = (offset: number, over: Partial<MessageId> = {}): string =>
  formatId({
    ms: EPOCH + offset,
    tag: TAG,
    offset,
    global: false,
    outside: false,
    nonce: offset,
    ...over,
  });

/** The message `n` of a room, under its id. */
export const chat = (
  n: number,
  over: Partial<MessageId> = {},
  from = 'alice',
  room = 'r',
): string => JSON.stringify({ id: idAt(n, over), type: 'chat', room, from, data: { n } });

let nonce = 100_000;
export const control = (
  event: string,
  data: Readonly<Record<string, unknown>> = {},
  over: Partial<MessageId> = {},
  offset = 0,
): string => {
  nonce += 1;
  const room = data['room'];
  const global = room === undefined;
  return JSON.stringify({
    id: idAt(offset, { outside: true, global, nonce, ...over }),
    type: 'system',
    room,
    from: 'server',
    data: { event, ...data },
  });
};

export const joined = (offset: number, over: Partial<MessageId> = {}, more = {}): string =>
  control('joined', { room: 'r', position: null, members: 1, ...more }, over, offset);
export const gap = (offset: number, reason: string, over: Partial<MessageId> = {}): string =>
  control('gap', { room: 'r', reason }, over, offset);
export const ack = (
  n: number,
  over: Partial<MessageId> & { duplicate?: boolean; as?: number } = {},
): string => {
  const { duplicate = false, as = n, ...rest } = over;
  const scope = rest.outside === true ? { scope: 'pod' } : {};
  return control('ack', { ref: `${n}`, id: idAt(as, rest), duplicate, ...scope });
};

export interface Play {
  readonly check: Checker;
  /** Alice, on pod a. */
  readonly alice: Ears;
  readonly bob: Ears;
  readonly open: (client: string, over?: { pod?: string; lastId?: string }) => Ears;
  /** Messages before this time should have been answered. */
  readonly settle: (at: number) => void;
  /** Alice sends message `n`. */
  readonly send: (n: number, room?: string) => void;
}

export const RETENTION = { messages: 1_000, ms: 600_000 };

/** Alice and Bob in a room, at its beginning. What is played is then judged. */
export const found = (
  play: (play: Play) => void,
  options: CheckerOptions = { knowsGround: true, retention: RETENTION },
): readonly string[] => {
  const check = checker(options);
  let at = 0;
  let settled = 0;
  const open: Play['open'] = (client, { pod = 'a', lastId } = {}) =>
    check.connected({ client, user: client, pod, at: at++, room: 'r', lastId });
  const [alice, bob] = [open('alice'), open('bob', { pod: 'b' })];
  for (const ears of [alice, bob]) {
    ears.received(control('welcome', { connection_id: 'c' }), at++);
    ears.received(control('joined', { members: 2 }), at++);
    ears.received(joined(0), at++);
  }
  check.epoch('r', TAG, 0);
  play({
    check,
    alice,
    bob,
    open,
    settle: (when) => {
      settled = when;
    },
    send: (n, room = 'r') => alice.sent({ room, ref: `${n}`, data: { n } }, 100 + n),
  });
  return check
    .verdict({ at: 100_000, settled })
    .violations.map(
      ({ tag, client, room, text }) => `${tag} ${client ?? '-'} ${room ?? '-'} ${text}`,
    );
};

/** Alice sends these messages, and both receive them. */
export const chats = ({ send, alice, bob }: Play, from: number, to: number): void => {
  for (let n = from; n <= to; n++) {
    send(n);
    for (const ears of [alice, bob]) ears.received(chat(n), 200 + n);
    alice.received(ack(n), 200 + n);
  }
};

export const logOf = (ns: readonly number[], over: Partial<MessageId> = {}) => ({
  room: 'r',
  tag: over.tag ?? TAG,
  offset: ns.at(-1) ?? 0,
  id: ns.length === 0 ? null : idAt(ns.at(-1) ?? 0, over),
  first: ns[0] ?? 1,
  texts: ns.map((n) => chat(n, over)),
});

export const pod = { outside: true, nonce: 99_999 } as const;

/** Alice's message 2 reaches pod a only; Bob connects to that pod later with this id. */
export const comesTo = (play: Play, lastId: string): Ears => {
  const { alice, bob, check, send } = play;
  chats(play, 1, 1);
  bob.closed(undefined, 'itself', 300);
  send(2);
  alice.received(chat(2, { ...pod, offset: 1 }), 310);
  alice.received(ack(2, { ...pod, offset: 1 }), 310);
  return check.connected({ client: 'bob', user: 'bob', pod: 'a', at: 400, room: 'r', lastId });
};
