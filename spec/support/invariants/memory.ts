/** What is remembered of a run: messages, orders, stays, sent messages, and what happened to pods and Redis. */
import { GLOBAL, type Room } from '../../../lib/protocol/position.js';
import { alone } from './alone.js';
import { type Frame, idOf, type Position } from './frame.js';
import { ground } from './ground.js';
import { type LogContent, type Order, order } from './order.js';
import { trackSent } from './sent-messages.js';
import { type DeliveryCounts, type Stay } from './stay.js';
import { findings } from './violation.js';
import { type ReceivedMessage } from './message.js';
import { type CheckerOptions } from './checker.js';

export interface Open {
  readonly client: string;
  readonly pod: string;
  /**
   * The stays in a room, the present one first. A join after a leave waits for the end of the stay before.
   */
  readonly stays: Map<Room, Stay[]>;
  degraded: boolean;
}

export interface Base {
  readonly client: string;
  readonly room: Room;
  readonly tag: number;
  readonly offset: number;
  readonly joinedAt: number;
}

/** Everything that the judges of one run share. */
export const checkerMemory = ({
  knowsGround = false,
  lateMs = { degraded: 3_000, ready: 2_000 },
  isSlow = () => false,
  disorderMs = 0,
}: CheckerOptions) => {
  const found = findings();
  const earth = ground({ findings: found, lateMs });
  const sentMessages = trackSent({ findings: found, forgot: () => !knowsGround || earth.forgot() });
  // a pod that has not acked every try may have the message in its fallback, even if another try was logged
  const onPods = alone(
    (pod, room) =>
      sentMessages.all.some(
        ({ room: where, pods, acks, sends, logged }) =>
          where === room &&
          acks.filter((ack) => ack.pod === pod).length < (pods.get(pod) ?? 0) &&
          (sends > 1 || logged === undefined),
      ),
    disorderMs,
  );
  const messages = new Map<string, ReceivedMessage>();
  const foreignIds = new Set<string>();
  const orders = new Map<Room, Order>();
  const logs = new Map<Room, LogContent>();
  const open = new Set<Open>();
  /** Stays that have ended and are not judged yet. */
  const past: Stay[] = [];
  const bases: Base[] = [];
  /** How far each client came in each room and epoch. */
  const reached = new Map<string, Map<number, number>>();
  const deliveries: DeliveryCounts = {
    delivered: 0,
    repeats: 0,
    strays: 0,
    behind: 0,
    missedWithGap: 0,
    recovered: 0,
  };
  /**
   * The position of each client in the global log when its last connection ended. No client leaves the global
   * log.
   */
  const leftGlobal = new Map<string, Position>();
  const gaps: Record<string, number> = {};
  const closes: Record<string, number> = {};

  const orderOf = (room: Room): Order => {
    const known = orders.get(room);
    if (known !== undefined) return known;
    const made = order(room, found);
    orders.set(room, made);
    return made;
  };

  const messageOf = (
    text: string,
    { id: idText, type, room = GLOBAL, data, ref }: Frame,
    at: number,
  ): ReceivedMessage | undefined => {
    const id = idOf(idText);
    if (id === undefined) return undefined;
    // a message of an epoch that has ended comes as a foreign one too, and then its sender is known
    const isForeign = foreignIds.has(idText) || (ref !== undefined && foreignIds.has(ref));
    const message: ReceivedMessage = {
      n: messages.size,
      idText,
      id,
      room,
      text,
      type,
      sent: isForeign ? undefined : sentMessages.of(data),
      isForeign,
      stray: !isForeign && ref !== undefined,
    };
    messages.set(idText, message);
    orderOf(room).saw(message);
    sentMessages.appeared(message, at);
    return message;
  };

  return {
    connections: 0,
    knowsGround,
    isSlow,
    lateMs,
    found,
    earth,
    sentMessages,
    onPods,
    messages,
    foreignIds,
    orders,
    logs,
    open,
    past,
    bases,
    reached,
    deliveries,
    leftGlobal,
    gaps,
    closes,
    orderOf,
    messageOf,
  };
};

export type CheckerMemory = ReturnType<typeof checkerMemory>;
