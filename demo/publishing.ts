/** From a publish to its ack. Pure. */
import type { Ack } from 'chat-api/client';
import { connectionOf, MAX_ENTRIES, noted, type Step } from './pane-state.js';
import { forUser } from './texts.js';

export const onPublish =
  (number: number, text: string, nowMs: number): Step =>
  (state) => {
    const connectionId = connectionOf(state.status);
    const one = { number, text, sentMs: nowMs, connectionId };
    return { ...state, waiting: [...state.waiting, one] };
  };

export const onAck =
  (number: number, ack: Ack, nowMs: number): Step =>
  (state) => {
    const one = state.waiting.find((entry) => entry.number === number);
    const next = { ...state, waiting: state.waiting.filter((entry) => entry !== one) };
    if (one === undefined || ack.id === undefined) return next;
    const ms = nowMs - one.sentMs;
    // over two connections it is no latency, but the time of the outage
    const isStraight =
      one.connectionId !== undefined && one.connectionId === connectionOf(state.status);
    return {
      ...next,
      acks: new Map([...[...state.acks].slice(1 - MAX_ENTRIES), [ack.id, ms]]),
      latencyMs: isStraight ? ms : state.latencyMs,
    };
  };

export const onRefused =
  (number: number, why: string): Step =>
  (state) => {
    const waiting = state.waiting.filter((entry) => entry.number !== number);
    return noted({ ...state, waiting }, `Not sent: ${forUser(why)}`, 'Warning');
  };
