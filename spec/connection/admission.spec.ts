/** Whether the pod takes one more client: places, identities, and how a look-up ends. In virtual time, without a server. */
import { EventEmitter } from 'node:events';
import { IncomingMessage } from 'node:http';
import { type Socket } from 'node:net';
import { isLeft, left, right } from 'fp-ts/lib/Either.js';
import { NEVER, type Observable, of, Subject } from 'rxjs';
import t from 'tap';
import { ANONYMOUS, NO_AUTH } from '../../lib/auth/from-config.js';
import type { Auth } from '../../lib/auth/index.js';
import type { Config, DeepPartial } from '../../lib/config/index.js';
import { type AdmissionControl, admissionControl } from '../../lib/connection/admission.js';
import type { UpgradeOffer } from '../../lib/connection/upgrade-router.js';
import { configWith } from '../support/hub-world.js';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.js';

type Found = ReturnType<Auth['authenticate']>;

const ALICE = right({ ...ANONYMOUS, userId: 'alice' });

/** A socket that does nothing by itself. */
class QuietSocket extends EventEmitter {
  destroyed = false;
  readonly remoteAddress = '192.0.2.1';
  setTimeout(): void {
    // nothing to time
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

interface Door {
  readonly control: AdmissionControl;
  readonly clock: VirtualClock;
  readonly connections: Set<unknown>;
  readonly state: { draining: boolean };
}

const door = (config: DeepPartial<Config>, found$?: Found): Door => {
  const clock = virtualClock();
  const connections = new Set<unknown>();
  const state = { draining: false };
  const control = admissionControl({
    access: found$ === undefined ? NO_AUTH : { enabled: true, authenticate: () => found$ },
    clock,
    config: configWith(config),
    connections,
    draining: () => state.draining,
    addressOf: (_request, peer) => peer,
  });
  return { control, clock, connections, state };
};

const newSocket = (): Socket & QuietSocket => new QuietSocket() as unknown as Socket & QuietSocket;

const offerOf = (socket: Socket): UpgradeOffer => {
  const request = new IncomingMessage(socket);
  return { request, socket, head: Buffer.alloc(0), isTaken: () => false };
};

/** The status of a refusal, or `in`. */
const reserved = ({ control }: Door, socket = newSocket()): number | 'in' => {
  const slot = control.reserve(offerOf(socket).request, socket);
  return isLeft(slot) ? slot.left.status : 'in';
};

/** What a look-up emits: a status, `in` or `end`. */
const looksUp = (control: AdmissionControl, socket: Socket): readonly unknown[] => {
  const seen: unknown[] = [];
  control.identify(offerOf(socket)).subscribe({
    next: (identity) => seen.push(isLeft(identity) ? identity.left.status : 'in'),
    complete: () => seen.push('end'),
  });
  return seen;
};

t.test(
  'when the pod is full or shuts down, then 503; a client whose identity is looked up counts too',
  async (t) => {
    const identity$ = new Subject<typeof ALICE>();
    const at = door({ server: { maxConnections: 2 } }, identity$);
    t.equal(reserved(at), 'in');
    at.connections.add('a connection');
    t.equal(reserved(at), 'in');
    const seen = looksUp(at.control, newSocket());
    t.equal(reserved(at), 503);
    identity$.next(ALICE);
    t.same(seen, ['in', 'end']);
    t.equal(reserved(at), 'in', 'the place is given back when the look-up has ended');
    at.state.draining = true;
    t.equal(reserved(at), 503);
  },
);

t.test(
  'when an address has as many connections as allowed, then 429 until one of its sockets closes',
  async (t) => {
    const at = door({ limits: { maxConnectionsPerAddress: 2 } });
    const first = newSocket();
    t.same([reserved(at, first), reserved(at), reserved(at)], ['in', 'in', 429]);
    first.destroy();
    t.same([reserved(at), reserved(at)], ['in', 429]);
  },
);

t.test(
  'when a user has as many connections as allowed, then 429 until one of its sockets closes',
  async (t) => {
    const { control } = door({ limits: { maxConnectionsPerUser: 1 } });
    const [first, gone] = [newSocket(), newSocket()];
    gone.destroy();
    t.equal(control.enter('alice', gone), undefined);
    t.equal(control.enter('alice', first), undefined, 'a socket that has closed takes no place');
    t.equal(control.enter('alice', newSocket())?.status, 429);
    t.equal(control.enter('bob', newSocket()), undefined);
    t.equal(control.enter(null, newSocket()), undefined);
    first.destroy();
    t.equal(control.enter('alice', newSocket()), undefined);
  },
);

t.test('when an identity is looked up, then it ends in one of five ways', async (t) => {
  const rows: readonly (readonly [
    how: string,
    Found,
    (at: Door, socket: QuietSocket) => void,
    seen: unknown[],
  ])[] = [
    ['an identity', of(ALICE), () => undefined, ['in', 'end']],
    [
      'a denial',
      of(left({ _tag: 'Invalid' } as const)) as Observable<never>,
      () => undefined,
      [401, 'end'],
    ],
    ['the time', NEVER, ({ clock }) => clock.advance(10_000), [503, 'end']],
    ['the shutdown', NEVER, ({ control }) => control.close(), [503, 'end']],
    ['the client goes', NEVER, (_at, socket) => socket.emit('end'), ['end']],
  ];
  for (const [how, found$, act, expected] of rows) {
    const at = door({ server: { maxConnections: 1 } }, found$);
    const socket = newSocket();
    const seen = looksUp(at.control, socket);
    act(at, socket);
    t.same(seen, expected, how);
    t.equal(reserved(at), 'in', `${how}: no place is left taken`);
    t.equal(at.clock.pending(), 0, `${how}: no timer`);
    t.same(socket.eventNames(), [], `${how}: no listener`);
  }
});
