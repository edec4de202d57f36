/**
 * Bytes ⇄ messages. Everything a client or a neighbour sends is read here and only here; every message is encoded here,
 * once, into the frame that all its receivers share. Bad input is a value (`Left`), as an error thrown through a
 * stream costs 13–20 µs.
 */
export {
  decodePublication,
  digestOfPayload,
  pushedPublication,
  retold,
} from './codec/channel-payload.js';
export { type ClientMessage, decodeMessage, isAbsentId } from './codec/client-message.js';
export { frameAround, frameOf, framesOf, payloadIn } from './codec/frame.js';
export { type Json, kindOf, MAX_DEPTH, MAX_ENCODED_BYTES, named } from './codec/json.js';
export { keyOf, programKeyOf, sameKey } from './codec/key.js';
export {
  controlFrame,
  errorFrame,
  payloadOf,
  placedFrame,
  pongFrame,
  presenceData,
  SERVER,
} from './codec/payload.js';
export { decodePosts, placeOf, type Post } from './codec/post.js';
export {
  changedDraftOf,
  type Draft,
  type DraftFields,
  draftOf,
  type MessageType,
  placedIn,
  programDraftOf,
  Publication,
  publicationOf,
  restOf,
} from './codec/publication.js';
