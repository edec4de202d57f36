/** The part of a connection that the heartbeat and the drain use, in virtual time. */
import type { Connection } from '../../lib/connection/connection.js';
import type { Close } from '../../lib/protocol/close-codes.js';
import type { SystemEvent } from '../../lib/protocol/system-event.js';
import type { VirtualClock } from './virtual-clock.js';

type Used = Pick<
  Connection,
  'vital' | 'bytesRead' | 'messagesRead' | 'isMidMessage' | 'isPaused' | 'ping' | 'send' | 'close'
>;

export interface Played {
  readonly connection: Connection;
  bytesRead: number;
  messagesRead: number;
  midMessage: boolean;
  isPaused: boolean;
  /** After how many ms it answers a ping; undefined: never. */
  answersIn: number | undefined;
  readonly pings: number[];
  readonly sent: { readonly at: number; readonly control: SystemEvent }[];
  readonly closes: { readonly at: number; readonly why: Close }[];
}

export const played = (clock: VirtualClock): Played => {
  const { scheduler } = clock;
  const self: Played = {
    bytesRead: 0,
    messagesRead: 0,
    midMessage: false,
    isPaused: false,
    answersIn: 1,
    pings: [],
    sent: [],
    closes: [],
    connection: {
      vital: { bytesRead: -1, messages: 0, lastReadAt: 0, pingAt: -1, incompleteSince: -1 },
      get bytesRead() {
        return self.bytesRead;
      },
      get messagesRead() {
        return self.messagesRead;
      },
      get isMidMessage() {
        return self.midMessage;
      },
      get isPaused() {
        return self.isPaused;
      },
      ping: () => {
        self.pings.push(scheduler.now());
        if (self.answersIn !== undefined)
          scheduler.schedule(() => {
            self.bytesRead += 6;
          }, self.answersIn);
      },
      send: (control: SystemEvent) => void self.sent.push({ at: scheduler.now(), control }),
      close: (why: Close) => void self.closes.push({ at: scheduler.now(), why }),
    } satisfies Used as unknown as Connection,
  };
  return self;
};

export const many = (clock: VirtualClock, count: number): readonly Played[] =>
  Array.from({ length: count }, () => played(clock));

export const setOf = (all: readonly Played[]): Set<Connection> =>
  new Set(all.map(({ connection }) => connection));
