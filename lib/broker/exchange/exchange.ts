/**
 * The exchange: what Redis is to the pods of many machines, in the memory of one process, for the workers
 * that it started (`WORKERS`). It gives each message its position, keeps the logs and the idempotency keys,
 * and sends each message to the workers that subscribe to its channel. It outlives every worker, so a worker
 * that dies takes no message of the log with it.
 *
 *   worker ── request ──▶ exchange: key ─▶ position ─▶ log ─▶ every subscriber ── message ──▶ workers
 */
import type { Clock } from '../../clock.js';
import { NO_LOG, type Page } from '../../history/page.js';
import { memoryLog } from '../../history/memory/log.js';
import type { LogPosition, Room } from '../../protocol/position.js';
import type { Draft, Publication } from '../../protocol/publication.js';
import { idempotencyKeys } from '../idempotency-keys.js';
import { channelOf, CONTROL_CHANNEL, type Outcome, roomIn } from '../redis/port.js';
import { publicationAt, type RoomPosition, roomPositions } from '../room-positions.js';
import type { Reply, Request } from './frames.js';
import { keptCommands } from './kept-commands.js';
import { workerCounts } from './worker-counts.js';

/** A worker as the exchange sees it. */
export interface Subscriber {
  /** The name of the worker: its `SERVER_ID`. */
  readonly name: string;
  /** Sends a text of a channel to the worker: a probe, or a control command. */
  readonly push: (channel: string, payload: Buffer) => void;
  /** Sends a message of a room to the worker. */
  readonly published: (channel: string, publication: Publication) => void;
}

export interface ExchangeOptions {
  readonly clock: Clock;
  readonly positionTtlMs: number;
  readonly logMessages: number;
  readonly logTtlMs: number;
}

export interface Exchange {
  /** Carries out a request of a worker, at once. */
  readonly answer: (from: Subscriber, request: Request) => Reply;
  /** The worker has ended: its subscriptions and its counts of members go. */
  readonly left: (worker: Subscriber) => void;
  /** The bytes of all logs. */
  readonly logBytes: () => number;
}

/** The workers that subscribe to a channel. */
type Subscribers = Set<Subscriber>;

const DONE: Reply = { _tag: 'Done' };

export const exchange = (options: ExchangeOptions): Exchange => {
  const { clock, positionTtlMs, logMessages, logTtlMs } = options;
  const now = (): number => Math.floor(clock.wall());
  const log = memoryLog({ wall: now, messages: logMessages, ttlMs: logTtlMs });
  const keys = idempotencyKeys(clock);
  /** When a worker found that a room has another epoch than it knew. */
  const renewedMs = new Map<Room, number>();
  const rooms = roomPositions<Subscribers>({
    clock,
    positionTtlMs,
    forgotten: (room) => {
      log.forget(room);
      renewedMs.delete(room);
    },
  });
  const channels = new Map<string, Subscribers>();
  const counts = workerCounts();
  const commands = keptCommands(now);

  const push = (channel: string, payload: Buffer): void => {
    for (const worker of channels.get(channel) ?? []) worker.push(channel, payload);
  };

  const subscribe = (worker: Subscriber, channel: string): void => {
    const subscribers = channels.get(channel) ?? new Set();
    channels.set(channel, subscribers);
    subscribers.add(worker);
    const room = roomIn(channel);
    const position = room === undefined ? undefined : rooms.find(room);
    if (position !== undefined) position.opener = subscribers;
  };

  const unsubscribe = (worker: Subscriber, channel: string): void => {
    const subscribers = channels.get(channel);
    if (subscribers?.delete(worker) !== true || subscribers.size > 0) return;
    channels.delete(channel);
    const room = roomIn(channel);
    const position = room === undefined ? undefined : rooms.find(room);
    if (room === undefined || position === undefined) return;
    position.opener = undefined;
    rooms.closed(room, position);
  };

  /** Uses the position of a room. A room without an epoch begins one with `tag`. */
  const using = (
    room: Room,
    tag: number,
    use: (position: RoomPosition<Subscribers>) => Reply,
  ): Reply => {
    const known = rooms.find(room);
    const position = known?.opener === undefined ? rooms.use(room, tag) : known;
    position.opener ??= channels.get(channelOf(room));
    const reply = use(position);
    rooms.closed(room, position);
    return reply;
  };

  const placed = (position: RoomPosition<Subscribers>, draft: Draft, nonce: number): Outcome => {
    const { room, key, digest, logged } = draft;
    const first = key === undefined ? undefined : keys.get(room, key);
    if (first !== undefined)
      return first.digest === digest ? { _tag: 'Duplicate', id: first.id } : { _tag: 'KeyReused' };
    const before = position.top;
    const publication = publicationAt(position, draft, nonce, now());
    const { idText } = publication;
    if (logged) log.append(room, publication, before);
    if (key !== undefined) keys.set(room, key, { id: idText, digest });
    const channel = channelOf(room);
    for (const worker of channels.get(channel) ?? []) worker.published(channel, publication);
    return { _tag: 'Placed', id: idText };
  };

  const pageOf = (
    room: Room,
    { top, begunMs }: RoomPosition<Subscribers>,
    from: number,
    most: number,
  ) => framed({ ...log.page(room, top, from, most), renewedMs: renewedMs.get(room), begunMs });

  /** A worker knew another epoch of the room than the one that it finds. */
  const foundEpoch = (room: Room, { tag }: LogPosition, known: number | undefined): void => {
    if (known !== undefined && known !== tag) renewedMs.set(room, now());
  };

  const renew = (room: Room, old: number, tag: number): Reply =>
    using(room, tag, (position) => {
      if (position.top.tag === old) {
        log.forget(room);
        const ms = Math.max(position.top.ms, now());
        position.top = { tag, offset: 0, ms, id: null };
        position.begunMs = ms;
      }
      foundEpoch(room, position.top, old);
      return { _tag: 'Position', position: plain(position.top) };
    });

  const answer = (from: Subscriber, request: Request): Reply => {
    switch (request._tag) {
      case 'Subscribe':
        for (const channel of request.channels) subscribe(from, channel);
        return DONE;
      case 'Unsubscribe':
        for (const channel of request.channels) unsubscribe(from, channel);
        return DONE;
      case 'Publish': {
        const { room, drafts, nonces, tag, deadline } = request;
        if (now() > deadline) return { _tag: 'Late' };
        return using(room, tag, (position) => ({
          _tag: 'Outcomes',
          outcomes: drafts.map((draft, i) => placed(position, draft, nonces[i] ?? 0)),
        }));
      }
      case 'Position': {
        const state = rooms.find(request.room);
        return { _tag: 'Position', position: state && plain(state.top) };
      }
      case 'Top':
        return using(request.room, request.tag, ({ top }) => ({
          _tag: 'Position',
          position: plain(top),
        }));
      case 'Page': {
        const { room, from: first, most, tag, known } = request;
        return using(room, tag, (position) => {
          foundEpoch(room, position.top, known);
          return pageOf(room, position, first, most);
        });
      }
      case 'Peek': {
        const state = rooms.find(request.room);
        return state === undefined
          ? framed(NO_LOG)
          : pageOf(request.room, state, request.from, request.most);
      }
      case 'Renew':
        return renew(request.room, request.old, request.tag);
      case 'Members':
        return {
          _tag: 'Number',
          value: counts.others(request.room, from.name, request.own),
        };
      case 'Probe':
        push(request.channel, Buffer.from(request.text));
        return { _tag: 'Number', value: now() };
      case 'Lease':
        return { _tag: 'Names', names: counts.joined(from.name) };
      case 'Control':
        push(CONTROL_CHANNEL, Buffer.from(request.text));
        if (request.kept !== undefined) commands.keep(request.text, request.kept);
        return DONE;
      case 'Recall':
        return { _tag: 'Recalled', recalled: commands.recall(request.ms) };
    }
  };

  return {
    answer,
    left: (worker) => {
      counts.left(worker.name);
      for (const channel of [...channels.keys()]) unsubscribe(worker, channel);
    },
    logBytes: () => log.size(),
  };
};

const plain = ({ tag, offset, ms, id }: LogPosition): LogPosition => ({ tag, offset, ms, id });

const framed = ({ top, first, beforeMs, renewedMs, begunMs, entries }: Page): Reply => ({
  _tag: 'Page',
  page: {
    top: plain(top),
    first,
    beforeMs,
    renewedMs,
    begunMs,
    frames: entries.map(({ frame }) => frame),
  },
});
