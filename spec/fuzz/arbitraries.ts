/** Attacks: valid input, changed a little in many ways, and sometimes pure noise. */
import fc, { type Arbitrary } from 'fast-check';
import { BASE } from '../support/pod.js';
import { type Attack } from './attack.js';
import { anyFrame, closing, fragmented, id, many, textFrame } from './frames.js';
import { handshake, headLines, request, UPGRADE } from './requests.js';
import {
  bytesOf,
  inPieces,
  json,
  mostlyOf,
  noise,
  objectOf,
  quoted,
  sometimesMutated,
} from './values.js';

// Redis

const time = mostlyOf(fc.constantFrom('"2026-01-15T10:30:00.123Z"', '"2026-13-45T99:99:99.999Z"'));

export const payload = sometimesMutated(
  objectOf({
    id,
    type: mostlyOf(quoted('chat', 'chat', 'presence', 'notification', 'system', 'error')),
    room: mostlyOf(quoted('general', 'fuzz')),
    from: mostlyOf(quoted('api', 'server', 'x')),
    data: fc.oneof(
      json,
      fc.constantFrom(
        '{"event":"app.x"}',
        '{"event":"gap"}',
        '{"connection_id":"x","status":"online"}',
      ),
    ),
    timestamp: time,
  }).map(bytesOf),
);

const disconnectCommand = sometimesMutated(
  objectOf({
    _tag: mostlyOf(quoted('Disconnect')),
    whom: mostlyOf(quoted('connection', 'user')),
    id: mostlyOf(quoted('x')),
  }).map(bytesOf),
);

const CHANNELS = [
  'realtime:room:general',
  'realtime:room:fuzz',
  'realtime:global',
  'realtime:control',
  'realtime:pod:fuzzed',
  'realtime:room:',
  'realtime:',
  'realtime:room:*',
];

// all of it

const OPEN = headLines('GET', `${BASE}/ws/general`, UPGRADE);

const FUZZ = headLines('GET', `${BASE}/ws/fuzz`, UPGRADE);

const socket = (text: Arbitrary<string>): Arbitrary<Attack> =>
  inPieces(text).map((pieces) => ({ _tag: 'Socket', pieces }));

const afterHandshake = (frames: Arbitrary<string>): Arbitrary<string> =>
  fc.tuple(fc.constantFrom(OPEN, FUZZ, FUZZ), frames).map(([head, rest]) => head + rest);

/** The kinds, by which the statistics are told. */
export const KINDS: Readonly<Record<string, Arbitrary<Attack>>> = {
  handshake: socket(handshake),
  frames: socket(
    afterHandshake(many(fc.oneof(anyFrame, anyFrame, closing, textFrame, fragmented), 6)),
  ),
  messages: socket(afterHandshake(many(textFrame, 25))),
  requests: socket(
    fc.oneof(
      { weight: 3, arbitrary: request },
      { weight: 1, arbitrary: many(request, 8) },
      { weight: 1, arbitrary: noise(300) },
    ),
  ),
  payloads: fc.record({
    _tag: fc.constant('Payload' as const),
    channel: fc.constantFrom(...CHANNELS),
    bytes: fc.oneof(
      { weight: 6, arbitrary: payload },
      { weight: 2, arbitrary: disconnectCommand },
      { weight: 1, arbitrary: noise(300) },
    ),
  }),
};
