/** What each frame of the server changes: pure. */
import type { SystemEvent } from '../protocol/system-event.js';
import { linked } from './connection-steps.js';
import type { Message, ServerFrame } from './frames.js';
import type * as phases from './phase.js';
import type * as link from './link.js';
import * as outbox from './outbox.js';
import { settled } from './publish-steps.js';
import * as room from './room-state.js';
import { inRoom, joined, refused } from './room-steps.js';
import { type ClientState, NONE, type Step } from './state.js';

export const received = (
  state: ClientState,
  socket: room.SocketNumber,
  frame: ServerFrame,
  moment: link.Moment,
): Step => {
  switch (frame._tag) {
    case 'Message':
    case 'Presence':
      if (frame._tag === 'Presence' && isOwn(state, frame.message)) return [state, NONE];
      return inRoom(state, frame.room, (one) => room.received(one, socket, frame));
    case 'Control':
      return control(state, socket, frame, moment);
    case 'Error':
      return refused(state, frame.error);
    case 'Other':
      return [state, NONE];
  }
};

/** The presence of this client's other socket during a handover. */
const isOwn = ({ link: { phase } }: ClientState, { data }: Message): boolean => {
  if (phase._tag !== 'Draining') return false;
  const id =
    typeof data === 'object' && data !== null && 'connection_id' in data && data.connection_id;
  return id === phase.session.connectionId || id === phase.next?.session?.connectionId;
};

const control = (
  state: ClientState,
  socket: room.SocketNumber,
  frame: Extract<ServerFrame, { readonly _tag: 'Control' }>,
  moment: link.Moment,
): Step => {
  const { event } = frame;
  switch (event.event) {
    case 'welcome':
      return linked(state, { _tag: 'Welcomed', socket, session: sessionOf(event) }, moment);
    case 'degraded':
    case 'restored':
      return linked(state, { _tag: 'Degraded', socket, yes: event.event === 'degraded' }, moment);
    case 'draining':
      return linked(state, { _tag: 'Draining', socket, inMs: event.reconnect_in_ms }, moment);
    case 'token_expiring':
      return [state, [{ _tag: 'RefreshToken' }]];
    case 'ack': {
      const { ref, id, duplicate, scope } = event;
      const ack = {
        ...(id === undefined ? {} : { id }),
        duplicate,
        ...(scope === undefined ? {} : { scope }),
      };
      return settled(state, outbox.acked(state.outbox, ref, ack), moment.now);
    }
    case 'joined':
      return joined(state, socket, frame);
    case 'gap':
    case 'left':
      return inRoom(state, frame.room, (one) => room.received(one, socket, frame));
  }
};

const sessionOf = (event: Extract<SystemEvent, { readonly event: 'welcome' }>): phases.Session => ({
  connectionId: event.connection_id,
  userId: event.user_id,
  serverId: event.server_id,
  rate: event.limits.rate,
});
