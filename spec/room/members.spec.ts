/** Joins, leaves and publishes of one room, in virtual time. */
import { right } from 'fp-ts/lib/Either.js';
import { EMPTY, lastValueFrom, Observable, Subject, type Subscriber } from 'rxjs';
import t from 'tap';
import type { Broker } from '../../lib/broker/index.js';
import { GLOBAL } from '../../lib/protocol/position.js';
import type { Publish } from '../../lib/room/member-state.js';
import { submit, submitAll } from '../../lib/room/members.js';
import { leftovers, LINGER_MS, offsetOf, publish, scripted } from '../support/hub-checks.js';

t.test(
  'when a member publishes, then all members get the message once, the sender too, which also gets its ack',
  async (t) => {
    const w = scripted();
    const [a, b, c] = [
      w.connect({ room: 'r' }),
      w.connect({ room: 'r' }),
      w.connect({ room: 's' }),
    ];
    w.clock.advance(10);
    a.chat('r', 'one', 'ref-1');
    w.clock.advance(10);
    t.same(
      [a, b, c].map((peer) => peer.texts('r')),
      [['one'], ['one'], []],
    );
    t.equal(a.events('ack').length, 1);
    t.equal(a.events('ack')[0]?.['id'], b.chats('r')[0]?.id);
    publish(w, GLOBAL, 'to all');
    w.clock.advance(10);
    t.same(
      [a, b, c].map((peer) => peer.texts(GLOBAL)),
      [['to all'], ['to all'], ['to all']],
    );
    t.notOk('room' in (c.chats(GLOBAL)[0] ?? { room: 1 }), 'a global message carries no room');
    await leftovers(t, w, [a, b, c]);
    t.equal(w.broker.channels(), 0);
  },
);

t.test(
  'when a connection opens, then it gets `welcome`, `joined` of the global log and `joined` of its room',
  async (t) => {
    const w = scripted();
    w.broker.others.set('r', 4);
    const a = w.connect({ room: 'r', userId: 'alice' });
    w.clock.advance(10);
    t.same(
      a.events().map(({ event, room }) => [event, room]),
      [
        ['welcome', undefined],
        ['joined', undefined],
        ['joined', 'r'],
      ],
    );
    t.match(a.events('joined')[1], { position: null, members: 5, presence: true });
    await leftovers(t, w, [a]);
  },
);

t.test(
  "when a member has `joined`, then `position` is the log's last message, and every later one arrives",
  async (t) => {
    const w = scripted();
    const a = w.connect({ room: 'r' });
    w.clock.advance(1);
    a.chat('r', 1);
    a.chat('r', 2);
    w.clock.advance(1);
    const b = w.connect({ room: 'r' });
    w.clock.advance(1);
    a.chat('r', 3);
    w.clock.advance(1);
    const joined = b.events('joined').find(({ room }) => room === 'r');
    t.equal(joined?.['position'], a.chats('r')[1]?.id);
    const shown = b.received().find(({ room, type }) => room === 'r' && type === 'system');
    t.equal(offsetOf(shown?.id ?? null), 2, 'its own id shows that place, and is a good last_id');
    t.same(b.texts('r'), [3]);
    await leftovers(t, w, [a, b]);
  },
);

t.test(
  'when a publish follows a join at once, then it waits for the join and arrives in order',
  async (t) => {
    const w = scripted();
    w.broker.openMs = 50;
    w.broker.membersMs = 20;
    const a = w.connect();
    a.join('r', 'j');
    a.chat('r', 1, 'one');
    a.chat('r', 2, 'two');
    w.clock.advance(30);
    t.same(a.texts('r'), [], 'the room is not open yet');
    t.equal(w.broker.underway(), 0);
    w.clock.advance(100);
    t.same(a.texts('r'), [1, 2]);
    const order = a
      .received()
      .filter(({ type, room }) => room === 'r' || type === 'chat')
      .map(({ type, data }) => (type === 'chat' ? data : (data as { event: string }).event));
    t.same(order, ['joined', 1, 2]);
    t.same(
      a.events('ack').map(({ ref }) => ref),
      ['one', 'two'],
    );
    await leftovers(t, w, [a]);
    t.equal(w.broker.channels(), 0);
  },
);

t.test(
  'when join, chat and leave come before the room is open, then the chat is published and nothing is received',
  async (t) => {
    const w = scripted();
    w.broker.openMs = 50;
    const a = w.connect();
    a.join('r');
    a.chat('r', 1, 'one');
    a.leave('r', 'l');
    w.clock.advance(200);
    t.equal(w.broker.top('r').offset, 1);
    t.equal(a.events('ack').length, 1);
    t.same(a.events('left'), [{ event: 'left', room: 'r', reason: 'asked', ref: 'l' }]);
    t.same(
      a.events('joined').map(({ room }) => room),
      [undefined],
      'never said to be in',
    );
    t.same(a.texts('r'), []);
    await leftovers(t, w, [a]);
    t.equal(w.broker.channels(), 0);
  },
);

t.test('when a connection closes while it joins, then nothing is left', async (t) => {
  for (const ms of [0, 10, 40, 60]) {
    const w = scripted();
    w.broker.openMs = 30;
    w.broker.membersMs = 20;
    const a = w.connect({ room: 'r' });
    a.chat('r', 1);
    w.clock.advance(ms);
    a.go();
    w.clock.advance(LINGER_MS + 1_000);
    t.same(
      [w.broker.channels(), w.clock.pending(), w.connections.size, [...w.occupied()].length],
      [0, 0, 0, 0],
      `after ${ms} ms`,
    );
  }
});

t.test('when a member joins again, then it gets `joined` twice and is one member', async (t) => {
  const w = scripted();
  const a = w.connect();
  a.join('r', 'one');
  w.clock.advance(5);
  a.join('r', 'two');
  a.chat('r', 1);
  w.clock.advance(5);
  t.same(
    a.events('joined').map(({ room, ref, members }) => [room, ref, members]),
    [
      [undefined, undefined, 1],
      ['r', 'one', 1],
      ['r', 'two', 1],
    ],
  );
  t.same(a.texts('r'), [1]);
  a.leave('r');
  w.clock.advance(5);
  t.equal(w.occupied().get('r'), undefined);
  await leftovers(t, w, [a]);
});

t.test(
  'when a connection joins twice before the room is open, then both joins are answered',
  async (t) => {
    const w = scripted();
    w.broker.openMs = 50;
    const a = w.connect();
    a.join('r', 'one');
    a.join('r', 'two');
    w.clock.advance(200);
    const refs = a.events('joined').flatMap(({ ref }) => (ref === undefined ? [] : [ref]));
    t.same(refs, ['one', 'two']);
    await leftovers(t, w, [a]);
  },
);

t.test(
  'when a channel cannot be opened, then every joiner gets `left` with reason `failed`, a later one too',
  async (t) => {
    const w = scripted();
    const a = w.connect();
    w.clock.advance(10);
    w.broker.openMs = -1;
    a.join('r', 'one');
    w.clock.advance(10);
    w.broker.openMs = 0;
    w.broker.fail('r');
    w.clock.advance(10);
    t.match(a.events('left'), [{ room: 'r', reason: 'failed' }]);
    a.join('r', 'two');
    w.clock.advance(10);
    const answers = a.events().filter(({ room, ref }) => room === 'r' && ref === 'two');
    t.equal(answers.length, 1, 'the second join is answered');
    await leftovers(t, w, [a]);
  },
);

t.test(
  'when the broker refuses a publish, then the sender gets an error and no member gets the message',
  async (t) => {
    const w = scripted();
    const a = w.connect({ room: 'r' });
    w.clock.advance(10);
    w.broker.refuse = { _tag: 'Unavailable', detail: 'nothing took it' };
    a.chat('r', 1, 'one');
    w.broker.refuse = { _tag: 'KeyReused' };
    a.chat('r', 2, 'two');
    w.clock.advance(10);
    t.match(a.errors(), [
      { code: 'unavailable', ref: 'one' },
      { code: 'invalid_message', ref: 'two' },
    ]);
    t.same([a.events('ack'), a.texts('r')], [[], []]);
  },
);

// the way of a publish to the broker

type Answer = Parameters<Publish['reply']>[0];

const ANSWER: Answer = right({ id: 'id', duplicate: false, scope: 'cluster' });
const command = (name: string, reply: Publish['reply']): Publish =>
  ({ _tag: 'Publish', room: 'r', draft: { name }, reply }) as unknown as Publish;

t.test(
  'when the broker answers at once, then the sender has the answer, and no work is left',
  async (t) => {
    const broker: Pick<Broker, 'publish' | 'publishNow'> = {
      publishNow: () => ANSWER,
      publish: () => t.fail('asked twice') as never,
    };
    const answers: Answer[] = [];
    t.equal(
      submit(
        broker,
        command('a', (answer) => answers.push(answer)),
      ),
      undefined,
    );
    t.same(answers, [ANSWER]);
  },
);

t.test('when the broker answers later, then the work ends with the answer', async (t) => {
  const answer$ = new Subject<Answer>();
  const answers: Answer[] = [];
  const work$ = submit(
    { publish: () => answer$ },
    command('a', (answer) => answers.push(answer)),
  );
  t.ok(work$);
  let isDone = false;
  work$?.subscribe({ complete: () => (isDone = true) });
  t.same([answers, isDone], [[], false]);
  answer$.next(ANSWER);
  answer$.complete();
  t.same([answers, isDone], [[ANSWER], true]);
});

t.test('when `reply` throws, then the work errors', async (t) => {
  const work$ = submit(
    { publish: () => new Observable((out: Subscriber<Answer>) => out.next(ANSWER)) },
    command('a', () => {
      throw new Error('a bug');
    }),
  );
  t.ok(work$);
  await t.rejects(lastValueFrom(work$ ?? EMPTY), { message: 'a bug' });
});

t.test(
  'when several publishes have waited, then they go to the broker in their order',
  async (t) => {
    const names: unknown[] = [];
    const publish = (draft: object): Observable<Answer> =>
      new Observable((out) => {
        names.push(Reflect.get(draft, 'name'));
        out.complete();
      });
    const works = submitAll(
      { publish },
      ['a', 'b', 'c'].map((name) => command(name, () => undefined)),
    );
    for (const work$ of works) work$.subscribe();
    t.same(names, ['a', 'b', 'c']);
  },
);
