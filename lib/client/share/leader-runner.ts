/**
 * Runs a leader: `leaderStep` makes of each input the next state and effects.
 *
 *   tabs ─────┐                       ┌─▶ tabs: frames, ends
 *   server ───┼─▶ leaderStep ─▶ state ─┼─▶ server: connections, frames
 *   tokens ───┤            (wakeAt)   └─▶ requests for a token
 *   timer ────┘
 *
 * Source: it subscribes to requests for a token, and uses the WebSockets, until it is stopped.
 */
import { forward } from '../forward.js';
import type { RunnerDeps } from '../runner.js';
import { LONGEST_MS } from '../state.js';
import { fromServer } from './from-server.js';
import { fromTab, gone, leaderStep } from './leader.js';
import { LEADER, type LeaderChange, type LeaderEffect, type LeaderState } from './leader-state.js';
import type { ToLeader, ToTab } from './messages.js';
import { type RealSocket, realSocket } from './real-socket.js';
import { ended, onToken, tokenFailed } from './upstream.js';

export interface LeaderRunner {
  readonly fromTab: (tab: string, message: ToLeader) => void;
  readonly gone: (tab: string) => void;
  readonly stop: () => void;
}

export interface LeaderDeps extends Pick<RunnerDeps, 'url' | 'open' | 'token$' | 'clock'> {
  /** The tab that leads. */
  readonly tab: string;
  readonly toTab: (tab: string, message: ToTab) => void;
  /** How many requests for a token failed in a row when this tab led before. */
  readonly refusals: number;
  readonly resign: (refusals: number) => void;
}

export const leaderRunner = (deps: LeaderDeps): LeaderRunner => {
  const { url, open, token$, tab, toTab, refusals, resign } = deps;
  const { scheduler, wall, random } = deps.clock;
  const sockets = new Map<number, RealSocket>();
  const inputs: LeaderChange[] = [];
  let state: LeaderState = { ...LEADER, refusals };
  let isRunning = false;
  let isStopped = false;
  let timer = scheduler.schedule(() => undefined);
  let asked = timer;

  /**
   * What may end the leader is performed last: `Resign`, and what is sent to the own tab, as that may close the
   * tab's client.
   */
  const isLast = (effect: LeaderEffect): boolean =>
    effect._tag === 'Resign' || (effect._tag === 'ToTab' && effect.tab === tab);

  const dispatch = (input: LeaderChange): void => {
    inputs.push(input);
    if (isRunning) return;
    isRunning = true;
    try {
      for (let next = inputs.shift(); next && !isStopped; next = inputs.shift()) {
        const { nowMs, setBack } = forward(state, wall());
        state = { ...leaderStep(state, next, nowMs, random()), setBack };
        const { effects } = state;
        // the effects may cause inputs, which wait
        effects.filter((one) => !isLast(one)).forEach(perform);
        effects.filter(isLast).forEach(perform);
      }
    } finally {
      // what the browser throws ends this run only
      isRunning = false;
    }
    timer.unsubscribe();
    if (state.wakeAt < Infinity && !isStopped)
      timer = scheduler.schedule(
        () => dispatch((at) => at),
        Math.min(Math.max(0, state.wakeAt - state.nowMs), LONGEST_MS),
      );
  };

  const perform = (effect: LeaderEffect): void => {
    switch (effect._tag) {
      case 'ToTab':
        return toTab(effect.tab, effect.message);
      case 'AskToken':
        asked.unsubscribe();
        asked = token$.subscribe({
          next: (token) => dispatch(onToken(token)),
          error: (thrown: unknown) => dispatch(tokenFailed(String(thrown))),
        });
        return;
      case 'Connect':
        return connect(effect);
      case 'Upstream':
        return sockets.get(effect.upstream)?.send(effect.text);
      case 'Disconnect':
        sockets.get(effect.upstream)?.close();
        sockets.delete(effect.upstream);
        return;
      case 'Resign':
        return resign(effect.refusals);
    }
  };

  const connect = ({
    upstream,
    token,
    lastId,
  }: Extract<LeaderEffect, { readonly _tag: 'Connect' }>): void => {
    try {
      const socket = realSocket({
        open,
        url,
        token,
        lastId,
        received: (text) => dispatch(fromServer(upstream, text)),
        ended: (code, reason, retryInMs) => {
          sockets.delete(upstream);
          dispatch(ended(upstream, code, reason, retryInMs));
        },
      });
      sockets.set(upstream, socket);
    } catch (thrown) {
      // 1002 is final: another try would throw again
      dispatch(ended(upstream, 1002, String(thrown)));
    }
  };

  return {
    fromTab: (tab, message) => dispatch(fromTab(tab, message)),
    gone: (tab) => dispatch(gone(tab)),
    stop: () => {
      isStopped = true;
      timer.unsubscribe();
      asked.unsubscribe();
      for (const socket of sockets.values()) socket.close();
    },
  };
};
