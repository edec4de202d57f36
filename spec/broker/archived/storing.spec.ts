/** One published message: stored, or given up after the time. */
import { type Either, isLeft, isRight, left } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { stored, type Unstored } from '../../../lib/broker/archived/storing.js';
import type { Receipt } from '../../../lib/broker/index.js';
import { localBroker } from '../../../lib/broker/local.js';
import type { Log } from '../../../lib/history/index.js';
import { type Draft, draftOf } from '../../../lib/protocol/publication.js';
import { DOWN, playedArchive } from '../../support/played-archive.js';
import { virtualClock } from '../../support/virtual-clock.js';

const TIMEOUT_MS = 2_000;

const world = (logMessages = 10) => {
  const clock = virtualClock();
  const broker = localBroker({ clock, positionTtlMs: 60_000, logMessages });
  const archive = playedArchive(clock);
  const draft = (from: string): Draft => {
    const made = draftOf({ room: 'r', type: 'chat', from, data: 1, at: clock.wall() });
    if (isLeft(made)) throw new Error(made.left.text);
    return made.right;
  };
  const receipt = (published: Draft): Receipt => {
    const result = broker.publishNow?.(published);
    if (result === undefined || isLeft(result)) throw new Error('expected a receipt, got none');
    return result.right;
  };
  const store = (
    published: Draft,
    given: Receipt,
    log: Log = broker.log,
  ): Either<Unstored, void>[] => {
    const answers: Either<Unstored, void>[] = [];
    const deps = { log, archive, clock, timeoutMs: TIMEOUT_MS };
    stored(deps, published, given).subscribe((answer) => answers.push(answer));
    return answers;
  };
  return { clock, broker, archive, draft, receipt, store };
};

const senders = ({ archive }: ReturnType<typeof world>): readonly string[] =>
  (archive.rows.get('r') ?? []).map(
    ({ payload }) => (JSON.parse(payload.toString()) as { readonly from: string }).from,
  );

t.test('when a message is new, then it is stored under the id of its receipt', async (t) => {
  const w = world();
  const draft = w.draft('alice');
  const { id, duplicate, scope } = w.receipt(draft);
  const answers = w.store(draft, { id, duplicate, scope });
  w.clock.advance(10);
  t.ok(answers.length === 1 && answers.every(isRight));
  t.same(
    w.archive.rows.get('r')?.map(({ idText }) => idText),
    [id],
  );
});

t.test(
  'when a message is a duplicate, then the first one is stored as the log has it',
  async (t) => {
    const w = world();
    const first = w.receipt(w.draft('alice'));
    const answers = w.store(w.draft('bob'), { id: first.id, duplicate: true, scope: 'cluster' });
    w.clock.advance(10);
    t.ok(answers.every(isRight));
    t.same(senders(w), ['alice']);
  },
);

t.test(
  'when the log has trimmed the first message, then the archive has it, or the second one is stored',
  async (t) => {
    for (const isStored of [true, false]) {
      const w = world(1);
      const draft = w.draft('alice');
      const { id } = w.receipt(draft);
      if (isStored) w.store(draft, { id, duplicate: false, scope: 'cluster' });
      w.clock.advance(10);
      w.receipt(w.draft('carol'));
      const answers = w.store(w.draft('bob'), { id, duplicate: true, scope: 'cluster' });
      w.clock.advance(20);
      t.ok(answers.length === 1 && answers.every(isRight));
      t.same(senders(w), [isStored ? 'alice' : 'bob']);
    }
  },
);

t.test(
  'when the log of a duplicate does not answer, then it is asked again until the time is over',
  async (t) => {
    const w = world();
    const { id } = w.receipt(w.draft('alice'));
    let asked = 0;
    const silent: Log = {
      page: () => {
        asked += 1;
        return of(left({ _tag: 'Unreachable', detail: 'no connection' } as const));
      },
    };
    const answers = w.store(w.draft('bob'), { id, duplicate: true, scope: 'cluster' }, silent);
    w.clock.advance(TIMEOUT_MS + 1_000);
    t.ok(asked > 2, `${asked} times`);
    t.match(answers, [{ left: { error: { detail: 'no connection' } } }]);
  },
);

t.test(
  'when the archive fails until the time is over, then the message is given back',
  async (t) => {
    const w = world();
    w.archive.play(() => DOWN);
    const draft = w.draft('alice');
    const given = w.receipt(draft);
    const answers = w.store(draft, given);
    w.clock.advance(TIMEOUT_MS - 500);
    t.equal(answers.length, 0);
    w.clock.advance(1_000);
    t.match(answers, [{ left: { publication: { idText: given.id }, error: DOWN } }]);
  },
);

t.test(
  'when the archive does not take the first message of a duplicate, then this message is given back',
  async (t) => {
    const w = world();
    w.archive.play(() => DOWN);
    const { id } = w.receipt(w.draft('alice'));
    let asked = 0;
    const log: Log = {
      page: (room, from, most) => {
        asked += 1;
        return asked === 1
          ? w.broker.log.page(room, from, most)
          : of(left({ _tag: 'Unreachable', detail: 'no connection' } as const));
      },
    };
    const answers = w.store(w.draft('bob'), { id, duplicate: true, scope: 'cluster' }, log);
    w.clock.advance(TIMEOUT_MS + 1_000);
    t.equal(answers.length, 1);
    for (const answer of answers) {
      if (isRight(answer)) throw new Error('it was stored');
      const { publication, error } = answer.left;
      t.match(JSON.parse(publication.payload.toString()), { id, from: 'alice' });
      t.same(error, DOWN);
    }
  },
);
