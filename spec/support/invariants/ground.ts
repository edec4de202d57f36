/**
 * What really happened to Redis and the pods, as far as a run knows it: faults, epochs, trimmed messages,
 * whether probes could come back, and the status that pods reported. It decides whether a `gap` is due and
 * whether a status is true.
 */
import type { GapReason } from '../../../lib/protocol/system-event.js';
import type { MessageId, Room } from '../../../lib/protocol/position.js';
import { type Position, positionText } from './frame.js';
import type { Findings } from './violation.js';

export interface Fault {
  readonly name: string;
  /** The pods that the fault is about; absent: all. */
  readonly pods?: readonly string[];
  /** Redis cannot be reached, or not in time. */
  readonly unreachable?: boolean;
  /** Redis forgets something: messages, positions or keys. */
  readonly forgets?: boolean;
  /** Redis drops whole keys: a log may lack messages that were not trimmed. */
  readonly evicts?: boolean;
  /** It refuses rights: rooms may fail. */
  readonly denies?: boolean;
}

interface Lasting extends Fault {
  readonly from: number;
  until: number;
}

/** A gap that a client got, with the position that it resumed from and what it had. */
export interface GapSent {
  readonly client: string;
  readonly pod: string;
  readonly room: Room;
  readonly reason: string;
  readonly at: number;
  /** The epoch of the gap's id, if the id is of this log: the client resumes in that epoch. */
  readonly to: number | undefined;
  /** The gap came before `joined`: then it is about the id that the client brought. */
  readonly resumed: MessageId | 'since' | undefined;
  readonly position: Position | undefined;
  /** The room was open on this pod only, as Redis could not be reached. */
  readonly onPod: boolean;
  /** When the join was sent. */
  readonly since: number;
}

export interface Ground {
  readonly begin: (fault: Fault, at: number) => (at: number) => void;
  readonly healed: (at: number) => void;
  readonly healedAt: () => number | undefined;
  readonly epoch: (room: Room, tag: number, at: number) => void;
  readonly trimmed: (room: Room, tag: number, first: number) => void;
  readonly isTrimmed: (room: Room, tag: number, offset: number) => boolean;
  readonly forgot: () => boolean;
  /** Whether Redis may have forgotten, after this time, what it had then. */
  readonly forgotSince: (at: number) => boolean;
  /** Whether Redis refused rights to a pod at some time between two moments. */
  readonly denied: (pod: string, from: number, to: number) => boolean;
  readonly names: () => readonly string[];
  /** Whether a pod could not reach Redis at some time between two moments. */
  readonly outage: (pod: string, from: number, to: number) => boolean;
  /** Why a gap is not due; undefined: it is due. */
  readonly undue: (gap: GapSent) => string | undefined;
  /** Whether probes of a pod can come back; `undefined`: it is not known. */
  readonly probes: (pod: string, can: boolean | undefined, at: number) => void;
  readonly status: (pod: string, status: Status, at: number) => void;
  readonly judge: (at: number) => void;
}

export type Status = 'starting' | 'ready' | 'degraded' | 'draining' | 'gone';

export interface GroundOptions {
  readonly findings: Findings;
  /** How long a status may be wrong: `degraded` within 3 s, ready again within 2 s. */
  readonly lateMs: { readonly degraded: number; readonly ready: number };
}

/** A fault may show this long after its end: the log is asked again with backoff. */
const AFTERMATH_MS = 6_000;

interface Health {
  can: boolean | undefined;
  canSince: number;
  status: Status;
}

export const ground = ({ findings, lateMs }: GroundOptions): Ground => {
  const faults: Lasting[] = [];
  const epochs = new Map<Room, { readonly tag: number; readonly at: number }[]>();
  const firsts = new Map<string, number>();
  const pods = new Map<string, Health>();
  let healed: number | undefined;

  const isOf = (fault: Fault, pod: string): boolean => fault.pods?.includes(pod) ?? true;

  const outage = (pod: string, from: number, to: number): boolean =>
    faults.some(
      (fault) =>
        fault.unreachable === true && isOf(fault, pod) && fault.from <= to && fault.until >= from,
    );

  const hasEvicted = (): boolean => faults.some(({ evicts }) => evicts === true);

  const firstOf = (room: Room, tag: number): number => firsts.get(`${tag} ${room}`) ?? 1;

  /** Whether an epoch that is not of this tag had begun by then. */
  const hasOther = (room: Room, tag: number, at: number): boolean =>
    (epochs.get(room) ?? []).some((epoch) => epoch.tag !== tag && epoch.at <= at);

  const expired = (room: Room, from: Position | undefined): string | undefined => {
    if (hasEvicted()) return undefined;
    if (from === undefined) return 'nothing was asked for';
    const first = firstOf(room, from.tag);
    return from.offset < first && first > 1
      ? undefined
      : `${positionText(from)} is in the log, which begins at ${first}`;
  };

  const undue = ({
    room,
    reason,
    at,
    to,
    pod,
    resumed,
    position,
    onPod,
    since,
  }: GapSent): string | undefined => {
    const id = typeof resumed === 'object' ? resumed : undefined;
    switch (reason as GapReason) {
      case 'expired':
        if (resumed === 'since') return undefined;
        return expired(room, id ?? position);
      case 'log_lost': {
        const tag = id?.tag ?? position?.tag;
        // the other epoch has no message, so no log shows it; the gap does
        return tag === undefined || to !== tag || hasOther(room, tag, at)
          ? undefined
          : 'the epoch is the same';
      }
      case 'unknown_id':
        return faults.some(({ forgets }) => forgets === true)
          ? undefined
          : 'Redis has forgotten nothing';
      case 'broker_outage':
        return onPod || outage(pod, Math.min(since, at - AFTERMATH_MS), at)
          ? undefined
          : 'Redis could be had';
      case 'too_many':
        return 'there were not that many';
    }
  };

  const judgeHealth = (pod: string, { can, canSince, status }: Health, at: number): void => {
    const lasted = at - canSince;
    const found = (text: string): void =>
      findings.add({ tag: 'I12', client: undefined, room: undefined, text: `${pod} ${text}`, at });
    if (can === false && status === 'ready' && lasted > lateMs.degraded)
      found(`was ready for ${Math.round(lasted)} ms while no probe could go round`);
    if (can === true && status === 'degraded' && lasted > lateMs.ready)
      found(`was degraded for ${Math.round(lasted)} ms while probes could go round`);
  };

  const change = (pod: string, at: number, what: Partial<Health>): void => {
    const health = pods.get(pod) ?? { can: undefined, canSince: at, status: 'starting' as const };
    judgeHealth(pod, health, at);
    pods.set(pod, { ...health, ...what });
  };

  return {
    begin: (fault, at) => {
      const lasting: Lasting = { ...fault, from: at, until: Number.POSITIVE_INFINITY };
      faults.push(lasting);
      return (until) => {
        lasting.until = until;
      };
    },
    healed: (at) => {
      healed = at;
    },
    healedAt: () => healed,
    epoch: (room, tag, at) => {
      const some = epochs.get(room) ?? [];
      epochs.set(room, [...some, { tag, at }]);
    },
    trimmed: (room, tag, first) => {
      const key = `${tag} ${room}`;
      firsts.set(key, Math.max(first, firsts.get(key) ?? 1));
    },
    isTrimmed: (room, tag, offset) => offset < firstOf(room, tag) || hasEvicted(),
    forgot: () => faults.some(({ forgets }) => forgets === true),
    forgotSince: (at) => faults.some(({ forgets, until }) => forgets === true && until >= at),
    denied: (pod, from, to) =>
      faults.some(
        (fault) =>
          fault.denies === true && isOf(fault, pod) && fault.from <= to && fault.until >= from,
      ),
    names: () => faults.map(({ name }) => name),
    outage,
    undue,
    probes: (pod, can, at) => {
      if (pods.get(pod)?.can !== can || !pods.has(pod)) change(pod, at, { can, canSince: at });
    },
    status: (pod, status, at) => change(pod, at, { status }),
    judge: (at) => {
      for (const [pod, health] of pods) judgeHealth(pod, health, at);
    },
  };
};
