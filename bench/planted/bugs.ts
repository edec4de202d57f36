/**
 * Bugs that a cluster may have, each as a change of a few texts of the source. A text that is not found is an
 * error.
 */
export interface Bug {
  readonly name: string;
  readonly changes: readonly {
    readonly file: string;
    readonly from: string;
    readonly to: string;
  }[];
}

const ORDER = 'lib/broker/cluster/sequence.ts';
const CHANNEL = 'lib/broker/cluster/channel-state.ts';
const MODEL = 'spec/support/model-redis.ts';

export const SERVER_BUGS: readonly Bug[] = [
  {
    // the offset is taken in one command, log and channel follow in another: another pod comes between
    name: 'two-step publish',
    changes: [
      {
        file: MODEL,
        from: '    if (logged) append(room, log, { id, offset, ms, rest });\n    else log.ms = ms;\n',
        to: `    log.ms = ms;
    if (logged) {
      log.offset = offset;
      log.id = id;
      placed.set(id, { room, rest });
    }
    clock.scheduler.schedule(() => {
      if (state !== 'up') return;
      if (logged) log.entries.push({ id, offset, ms, rest });
      push(channelOf(room), Buffer.from(payloadOf(id, rest)));
    }, clock.random() * 20);
`,
      },
      {
        file: MODEL,
        from: "    push(channelOf(room), Buffer.from(payloadOf(id, rest)));\n    return { _tag: 'Placed', id };",
        to: "    return { _tag: 'Placed', id };",
      },
    ],
  },
  {
    // the log is read, and only a while later the joiner gets new messages
    name: 'history-first join',
    changes: [
      {
        file: 'lib/room/recovery/reader.ts',
        from: '          out.next({ at: move.at, messages, gap });\n          out.complete();\n',
        to: `          out.add(
            scheduler.schedule(() => {
              out.next({ at: move.at, messages, gap });
              out.complete();
            }, 20),
          );
`,
      },
    ],
  },
  {
    name: 'no epoch',
    changes: [
      {
        file: 'lib/protocol/position.ts',
        from: '1 + Math.floor(random() * (NO_EPOCH - 1))',
        to: '1 + 0 * Math.floor(random() * (NO_EPOCH - 1))',
      },
      {
        file: 'lib/broker/cluster/cluster-channel.ts',
        from: '  return tag === old ? (tag % (NO_EPOCH - 1)) + 1 : tag;',
        to: '  return tag === old ? old : tag;',
      },
    ],
  },
  {
    name: 'no dedupe',
    changes: [
      {
        file: ORDER,
        from: '      const isOver =\n        seen.has(publication) ||',
        to: `      if (seen.has(publication)) {
        deliver({ _tag: 'Published', publication, offset: publication.id.offset, top: known });
        return true;
      }
      const isOver =
        seen.has(publication) ||`,
      },
    ],
  },
  {
    name: 'ack before append',
    changes: [
      {
        file: MODEL,
        from: '    log.entries.push(entry);\n',
        to: "    clock.scheduler.schedule(() => void (state === 'up' && log.entries.push(entry)), 20);\n",
      },
    ],
  },
  {
    name: 'retry without key',
    changes: [
      {
        file: 'lib/connection/publishing.ts',
        from: 'const key = clientKey(userId, ref);',
        to: 'const key = clientKey(userId, undefined);',
      },
    ],
  },
  {
    // and at no other time: one read alone would repair the others within seconds
    name: 'no position check after resubscribe',
    changes: [
      {
        file: CHANNEL,
        from: '      return poll(state, input, now, times);',
        to: '      return [state, NONE];',
      },
      {
        file: CHANNEL,
        from: 'if (!state.subscribed || state.readAt >= input.since) return [state, NONE];',
        to: "if (!state.subscribed || state.readAt >= input.since || state.scope !== 'none')\n        return [state, NONE];",
      },
      {
        file: CHANNEL,
        from: '      return read({ ...state, subscribed: true }, now);',
        to: `      return state.scope === 'none'
        ? read({ ...state, subscribed: true }, now)
        : [{ ...state, subscribed: true }, [{ _tag: 'Synced', yes: true }]];`,
      },
    ],
  },
  {
    name: 'off-by-one in XRANGE',
    changes: [
      {
        file: 'lib/history/resume-point.ts',
        from: 'Math.max(id.offset + 1, first)',
        to: 'Math.max(id.offset + 2, first)',
      },
    ],
  },
  {
    name: 'leak on close during join',
    changes: [{ file: 'lib/room/members.ts', from: 'state.cancelled$.next();', to: 'void 0;' }],
  },
  {
    name: 'unbounded queue',
    changes: [
      {
        file: 'lib/rx/bounded-buffer.ts',
        from: 'if (this.messages + value.count > messages || this.bytes + value.bytes.length > bytes) {',
        to: 'if (this.messages + value.count > 1e9 * messages || this.bytes < -bytes) {',
      },
    ],
  },
  {
    name: 'wall-clock heartbeat',
    changes: [
      {
        file: 'lib/connection/heartbeat.ts',
        from: 'let before = clock.scheduler.now();',
        to: 'let before = clock.wall();',
      },
      {
        file: 'lib/connection/heartbeat.ts',
        from: '        const now = clock.scheduler.now();\n        lived += Math.min(now - before, 2 * tickMs);',
        to: '        const now = clock.wall();\n        lived += now - before;',
      },
    ],
  },
  {
    // an open connection counts as healthy
    name: 'health without probe',
    changes: [
      {
        file: 'lib/broker/cluster/health.ts',
        from: "      return now.silentMs >= SILENT_MS ? enter('Degraded', now, wall) : now;",
        to: "      return !now.ready && now.silentMs >= SILENT_MS ? enter('Degraded', now, wall) : now;",
      },
    ],
  },
  {
    // loses the messages after a failover
    name: 'repeats dropped by offset',
    changes: [
      {
        file: ORDER,
        from: '      const isOver =\n        seen.has(publication) ||',
        to: '      const isOver =\n        publication.id.offset <= known.offset ||',
      },
    ],
  },
];
