/** A hub in virtual time whose tokens have the rights that a spec gives, and one user of it. */
import { left, right } from 'fp-ts/lib/Either.js';
import { type Observable, of } from 'rxjs';
import {
  type Auth,
  type Credentials,
  type Denial,
  type Identity,
  type Rights,
} from '../../lib/auth/index.js';
import { type Config } from '../../lib/config/index.js';
import { type HubWorld, hubWorld } from './hub-world.js';
import { type Peer } from './peer.js';
import { type ScriptBroker, scriptBroker } from './script-broker.js';

export const ALL: Rights = { join: 'all', publish: 'all', global: true, admin: false };

export const only = (join: Rights['join'], publish = join, global = false): Rights => ({
  join,
  publish,
  global,
  admin: false,
});

type Outcome =
  | { readonly _tag: 'Left'; readonly left: Denial }
  | { readonly _tag: 'Right'; readonly right: Identity };

/** An `Auth` that answers with what the spec prepared, after a delay. */
const prepared = (): Auth & {
  readonly next: Outcome[];
  answer: (outcome: Outcome) => Observable<Outcome>;
} => {
  const next: Outcome[] = [];
  const access = {
    enabled: true,
    next,
    answer: (outcome: Outcome): Observable<Outcome> => of(outcome),
    authenticate: (_credentials: Credentials): Observable<Outcome> =>
      access.answer(next.shift() ?? left({ _tag: 'Untrusted' })),
  };
  return access;
};

export type World = HubWorld & {
  readonly broker: ScriptBroker;
  readonly access: ReturnType<typeof prepared>;
  readonly inMs: (ms: number) => number;
};

export const world = (globalPublish: Config['access']['globalPublish'] = 'any'): World => {
  const access = prepared();
  const made = hubWorld({
    broker: scriptBroker,
    access,
    config: { access: { globalPublish } },
  });
  return { ...made, access, inMs: (ms) => made.clock.wall() + ms };
};

export const alice = (w: World, rights: Rights = ALL, lifeMs = 3_600_000, room?: string): Peer => {
  const peer = w.connect({
    userId: 'alice',
    ...(room === undefined ? {} : { room }),
    limited: { rights, expiresAt: w.inMs(lifeMs) },
  });
  w.clock.advance(100);
  return peer;
};

export const renewed = (w: World, rights: Rights, lifeMs = 3_600_000, userId = 'alice'): Outcome =>
  right({ userId, rights, expiresAt: w.inMs(lifeMs) });

export const refresh = (w: World, peer: Peer, outcome: Outcome, id?: string): void => {
  w.access.next.push(outcome);
  peer.send({ type: 'refresh', data: { token: 'x.y.z' }, id });
};

export const expiring = (peer: Peer): readonly unknown[] =>
  peer.events('token_expiring').map(({ expires_at: at }) => at);
