/** Faults of clients, and of the links between clients and pods. */
import { setTimeout as sleep } from 'node:timers/promises';
import { STALLED, type Link, LOST } from '../../../spec/support/proxy.js';
import { back, type Fault, now, type Outcome, type Scene, SLOW, within } from '../fault.js';
import type { StagePod } from '../stage.js';
import type { Wanderer } from '../wanderer.js';

const HERD_BAR = 10_000;
const SLOW_BAR = 10_000;
const RECOVERED_BAR = 10_000;
const FLOOD_BYTES = 60_000;
const FLOODERS = 3;
/** When the peer does not answer a close within 2 s, the socket is cut. */
const GRACE_MS = 2_000;
let hired = 0;

const linkOf = (pods: readonly StagePod[], each: Wanderer): Link | undefined => {
  const { localPort, remotePort } = each.ports();
  return pods
    .find(({ door }) => door.port === remotePort)
    ?.door.links()
    .find(({ from }) => from === localPort);
};

const isIn = (each: Wanderer): Promise<number> => within(now(), 10_000, () => each.isIn());

const closedBySlow = async (pod: StagePod): Promise<number> =>
  (await pod.metrics()).get('realtime_closes{code="1013"}') ?? 0;

/** A reader that does not keep up in a flooded room; `cure` restores its link when the pod has closed it. */
const slow = async (scene: Scene, ail: (victim: Wanderer) => () => void): Promise<Outcome> => {
  const { stage, crowd, chance } = scene;
  const pod = chance.one(stage.pods);
  const room = `weir-${(hired += 1)}`;
  const victim = crowd.hire(`${SLOW}${hired}`, [room], () => pod.far);
  const flooders = Array.from({ length: FLOODERS }, (_, i) =>
    crowd.hire(`flood-${hired}-${i}`, [room], () => chance.one(stage.pods).near),
  );
  await Promise.all([victim, ...flooders].map(isIn));
  const before = await closedBySlow(pod);
  const forgive = crowd.blame('it did not read', (who) => who === victim.who);
  const cure = ail(victim);
  const from = now();
  let isClosed = false;
  const flood = setInterval(() => {
    if (isClosed) return;
    for (const flooder of flooders)
      if (flooder.unanswered().length < 40)
        for (let i = 0; i < 3; i++) flooder.publish(room, FLOOD_BYTES);
  }, 50);
  const ms = await within(from, SLOW_BAR, async () => (await closedBySlow(pod)) > before);
  isClosed = true;
  clearInterval(flood);
  await sleep(GRACE_MS + 500);
  const curedAt = now();
  cure();
  const recovered = await back(scene, 'recovered', [victim], curedAt, RECOVERED_BAR);
  await within(now(), 5_000, () => flooders.every((each) => each.unanswered().length === 0));
  const gaps = crowd.rare.filter(({ who, _tag }) => who === victim.who && _tag === 'Gap');
  await Promise.all([victim, ...flooders].map((each) => crowd.dismiss(each)));
  forgive();
  return {
    measures: [{ what: 'closed with 1013', ms, barMs: SLOW_BAR }, recovered],
    wrongsAlone: gaps.map(
      (gap) => `the slow reader was told gap ${gap._tag === 'Gap' ? gap.reason : ''}`,
    ),
  };
};

export const clientFaults = (pongMs: number): readonly Fault[] => [
  {
    row: 'F13',
    what: 'a reader on 10 kbit/s in a room that floods',
    claims: ['clients'],
    ms: 7_000,
    act: (scene) =>
      slow(scene, (victim) => {
        const link = linkOf(scene.stage.pods, victim);
        link?.set({ down: { _tag: 'Trickle', bytesPerSecond: 1_250 } });
        return () => link?.reset();
      }),
  },
  {
    row: 'F14',
    what: 'a reader that stops reading in a room that floods',
    claims: ['clients'],
    ms: 7_000,
    act: (scene) =>
      slow(scene, (victim) => {
        victim.pause();
        return victim.resume;
      }),
  },
  {
    row: 'F15',
    what: 'a client vanishes without a word',
    claims: ['clients'],
    ms: pongMs + 3_000,
    act: async (scene) => {
      const { stage, crowd, chance } = scene;
      const pod = chance.one(stage.pods);
      const room = `cell-${(hired += 1)}`;
      const victim = crowd.hire(`gone-${hired}`, [room, chance.one(crowd.rooms)], () => pod.far);
      await isIn(victim);
      const link = linkOf(stage.pods, victim);
      link?.set({ up: STALLED, down: STALLED });
      const forgive = crowd.blame('it vanished', (who) => who === victim.who);
      const hitAt = now();
      const ms = await within(hitAt, pongMs + 1_500, async () => (await pod.members(room)) === 0);
      const healedAt = now();
      link?.reset();
      const recovered = await back(scene, 'recovered', [victim], healedAt, RECOVERED_BAR);
      const gaps = crowd.rare.filter(({ who, _tag }) => who === victim.who && _tag === 'Gap');
      forgive();
      await crowd.dismiss(victim);
      return {
        measures: [{ what: 'pruned', ms, barMs: pongMs + 1_500 }, recovered],
        wrongsAlone: gaps.map(() => 'who came back within the log was told gap'),
      };
    },
  },
  {
    row: 'F16',
    what: 'all clients lose their line at once',
    claims: ['clients'],
    ms: 3_000,
    act: async (scene) => {
      const { crowd } = scene;
      const hitAt = now();
      const some = crowd.wanderers.filter((each) => each.isIn());
      for (const each of some) each.breakOff(Math.random() * 500);
      return { measures: [await back(scene, 'recovered (p99)', some, hitAt, HERD_BAR, 1)] };
    },
  },
  {
    row: 'F23',
    what: 'acks are lost with the line, and all is said again elsewhere',
    claims: ['clients'],
    ms: 3_500,
    act: async (scene) => {
      const { stage, crowd } = scene;
      const some = crowd.wanderers
        .filter((each) => each.isIn())
        .flatMap((each) => {
          const link = linkOf(stage.pods, each);
          return link === undefined ? [] : [{ each, link }];
        })
        .slice(0, 24);
      const names = new Set(some.map(({ each }) => each.who));
      const hitAt = now();
      const before = crowd.counts();
      const forgive = crowd.blame('its line was cut', (who) => names.has(who));
      for (const { each, link } of some) {
        link.set({ down: LOST });
        const [room = ''] = each.rooms();
        for (let i = 0; i < 100; i++) each.publish(room);
      }
      await sleep(800);
      for (const { link } of some) link.reset();
      await sleep(100);
      forgive();
      const wanderers = some.map(({ each }) => each);
      const recovered = await back(scene, 'recovered (p99)', wanderers, hitAt, HERD_BAR);
      await within(now(), 5_000, () =>
        wanderers.every((each) => each.unanswered().every(({ at }) => at > hitAt + 800)),
      );
      const after = crowd.counts();
      return {
        measures: [recovered],
        counts: {
          'said again': after.resent - before.resent,
          'known already': after.duplicates - before.duplicates,
        },
      };
    },
  },
  {
    row: 'F24',
    what: 'clients of two pods and more talk into one room at once',
    claims: ['clients'],
    ms: 1_500,
    act: async ({ crowd, chance }) => {
      const room = chance.one(crowd.rooms);
      const some = crowd.wanderers.filter((each) => each.isIn() && each.rooms().includes(room));
      for (let i = 0; i < 20; i++) for (const each of some) each.publish(room);
      await sleep(1_000);
      return { counts: { 'said at once': 20 * some.length } };
    },
  },
  {
    row: 'F26',
    what: 'joins, leaves and ends race with recovery',
    claims: ['clients'],
    ms: 3_000,
    act: async (scene) => {
      const { crowd, chance } = scene;
      const some = chance.some(
        crowd.wanderers.filter(({ keepsOne }) => !keepsOne),
        16,
      );
      const end = now() + 2_500;
      let deeds = 0;
      await Promise.all(
        some.map(async (each) => {
          while (now() < end) {
            await sleep(Math.random() * 40);
            deeds += 1;
            const room = chance.one(crowd.rooms);
            const dice = Math.random();
            if (dice < 0.6) each.breakOff(Math.random() * 20);
            else if (dice < 0.8) {
              if (each.rooms().length < 4) each.join(room);
            } else if (
              each.rooms().length > 1 &&
              each.unanswered().every((sent) => sent.room !== room)
            )
              each.leave(room);
          }
        }),
      );
      const away = new Set(some);
      const ms = await within(end, HERD_BAR, () => {
        for (const each of away) if (each.isIn()) away.delete(each);
        return away.size === 0;
      });
      return { counts: { deeds }, measures: [{ what: 'recovered', ms, barMs: HERD_BAR }] };
    },
  },
];
