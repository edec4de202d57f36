/**
 * What each input changes in the state of the client: pure. The parts are the connection (`link.ts`), the
 * rooms (`room-state.ts`), the messages that wait for their acks (`outbox.ts`) and the pace (`pace.ts`).
 */
import { handover, linked, refreshed } from './connection-steps.js';
import { received } from './frame-steps.js';
import type * as link from './link.js';
import * as outbox from './outbox.js';
import { published, send, settled } from './publish-steps.js';
import { join, presence, unused, used } from './room-steps.js';
import { type ClientState, type Input, NONE, type OwnTimer, type Step } from './state.js';

export const step = (state: ClientState, input: Input, moment: link.Moment): Step => {
  switch (input._tag) {
    case 'Used':
      return then(used(state, input.room, input.after), moment, needed);
    case 'Unused':
      return unused(state, input.room);
    case 'Publish':
      return then(published(state, input, moment.now), moment, needed);
    case 'Presence':
      return presence(state, input.room, input.status);
    case 'Refreshed':
      return refreshed(state, input.token);
    case 'Received':
      return then(received(state, input.socket, input.frame, moment), moment);
    case 'Due':
      return then(due(state, input.timer, moment), moment);
    default:
      return then(linked(state, input, moment), moment);
  }
};

const needed = (state: ClientState, moment: link.Moment): Step =>
  linked(state, { _tag: 'Needed' }, moment);

/** After a change, everything is sent that can be sent. */
const then = (
  [state, effects]: Step,
  moment: link.Moment,
  ...more: readonly ((state: ClientState, moment: link.Moment) => Step)[]
): Step => {
  let at = state;
  const all = [...effects];
  for (const change of [...more, handover, join, send]) {
    const [next, found] = change(at, moment);
    at = next;
    all.push(...found);
  }
  return [at, all.length === 0 ? NONE : all];
};

const due = (state: ClientState, timer: OwnTimer, moment: link.Moment): Step => {
  switch (timer) {
    case 'pace':
      return [state, NONE];
    case 'timeout':
      return settled(state, outbox.timedOut(state.outbox, moment.now), moment.now);
    case 'lastAck':
      return linked(state, { _tag: 'HandedOver' }, moment);
  }
};
