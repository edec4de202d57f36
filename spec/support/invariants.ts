/**
 * The rules for everything that clients get, whatever happens to pods and Redis, in one place for specs, soak
 * and chaos: facts go in as they come, violations of the invariants I1–I12 come out. A message takes a few
 * numbers of memory, and so does a client's stay in a room, however many clients got what: hundreds of
 * thousands of messages to a hundred clients are fine.
 *
 *   frames ─▶ message (a text, read once) ─▶ stay: next, repeat, hole, gap   I1 I2 I6
 *                                       ├──▶ order: one for all              I3
 *                                       └──▶ sent: by whom, once, acked      I4 I5 I7
 *   facts of the ground ─▶ which gaps are due, whether a status is true      gap I12
 *   held, left, ended                                                        I8 I10 I11
 */
import { type Frame, idTextOf } from './invariants/frame.js';
import type { Checker, CheckerOptions } from './invariants/checker.js';
import { applicationJudge } from './invariants/application-judge.js';
import { checkerMemory } from './invariants/memory.js';
import { clientJudge } from './invariants/client-judge.js';
import { finalJudge } from './invariants/final-judge.js';
import type { Fault } from './invariants/ground.js';
import type { LogContent } from './invariants/order.js';
import type { Violation } from './invariants/violation.js';

export type { Fault, LogContent, Violation };
export type {
  ApplicationEars,
  ApplicationStay,
  Checker,
  CheckerOptions,
  Counts,
  Ears,
  Verdict,
} from './invariants/checker.js';

export const checker = ({ retention, ...options }: CheckerOptions = {}): Checker => {
  const memory = checkerMemory(options);
  const {
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
    deliveries,
    gaps,
    closes,
    orderOf,
    messageOf,
  } = memory;
  const { judgeOpen, judgeSent, judgeBases, readLog } = finalJudge(memory, retention);

  return {
    connected: clientJudge(memory),
    application: applicationJudge(memory),
    violations: () => found.list,
    found: found.count,
    foreignId: (idText) => void foreignIds.add(idText),
    fault: earth.begin,
    healed: earth.healed,
    epoch: (room, tag, at) => {
      earth.epoch(room, tag, at);
      orderOf(room).sawTag(tag);
    },
    trimmed: earth.trimmed,
    probes: earth.probes,
    status: (pod, status, at) => {
      if (status === 'gone') onPods.ended(pod);
      earth.status(pod, status, at);
    },
    placed: (texts) => {
      for (const text of texts)
        if (!messages.has(idTextOf(text))) messageOf(text, JSON.parse(text) as Frame, 0);
    },
    log: (content) => void logs.set(content.room, content),
    holds: (what, count, bound, at) => {
      if (count > bound)
        found.add({
          tag: 'I8',
          client: undefined,
          room: undefined,
          text: `${what}: ${count}, bound to ${bound}`,
          at,
        });
    },
    left: (what, count, at) => {
      if (count > 0)
        found.add({
          tag: 'I10',
          client: undefined,
          room: undefined,
          text: `${count} ${what} left`,
          at,
        });
    },
    ended: (what, at) =>
      found.add({ tag: 'I11', client: undefined, room: undefined, text: what, at }),
    verdict: ({ at, settled }) => {
      const before = found.now();
      for (const content of logs.values()) readLog(content, at);
      for (const stay of past) stay.judge(at);
      for (const each of open) judgeOpen(each, settled, at);
      for (const each of orders.values()) each.judge(at);
      for (const sent of sentMessages.all) judgeSent(sent, settled, at);
      judgeBases(at);
      earth.judge(at);
      const all = sentMessages.all;
      const violations = [...found.list];
      const count = found.count();
      found.rewind(before);
      return {
        violations,
        found: count,
        counts: {
          ...deliveries,
          sent: all.length,
          resent: all.filter(({ sends }) => sends > 1).length,
          acked: all.filter(({ acks }) => acks.length > 0).length,
          ackedOnPod: all.filter(({ acks }) => acks[0]?.onPod === true).length,
          refused: all.filter(({ refused }) => refused !== undefined).length,
          unanswered: all.filter(({ acks, refused }) => acks.length === 0 && refused === undefined)
            .length,
          connections: memory.connections,
          gaps,
          closes,
        },
      };
    },
  };
};
