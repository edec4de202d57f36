/** What operators and programs do over HTTP: publish, and disconnect on all pods. */
import { left, right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import type { ControlCommand } from '../../lib/broker/control-command.js';
import {
  operatorEndpoints,
  type OperatorEndpointsDeps,
} from '../../lib/http/operator-endpoints.js';
import { problem } from '../../lib/protocol/problem.js';
import { endpointAt, exchangeOf, handled } from '../support/exchange.js';

const ID = '01234567-89AB-cdef-0123-456789abcdef';
const JSON_BODY = { headers: { 'content-type': 'application/json' }, body: '{"room":"r"}' };

const world = (over: Partial<OperatorEndpointsDeps> = {}) => {
  const commands: ControlCommand[] = [];
  const bodies: string[] = [];
  const endpoints = operatorEndpoints({
    basePath: '/b',
    publishing: async (body) => {
      bodies.push(body.toString());
      return right({ id: 'id', status: 'accepted' });
    },
    sendControl: (command) => {
      commands.push(command);
      return of(right(undefined));
    },
    ...over,
  });
  return { endpoints, commands, bodies };
};

t.test('when an operator endpoint is listed, then it asks for an operator', async (t) => {
  const { endpoints } = world();
  t.same(
    endpoints.map(({ method, path, auth }) => `${method} ${path} ${auth}`),
    [
      'POST /b/messages operator',
      'DELETE /b/connections/:id operator',
      'DELETE /b/users/:id/connections operator',
    ],
  );
  t.same(
    endpoints.map(({ refusedWhileDraining }) => refusedWhileDraining),
    [true, undefined, undefined],
  );
});

t.test('when a program publishes, then the answer is that of the publish', async (t) => {
  const { endpoints, bodies } = world();
  const answered = await handled(endpointAt(endpoints, 'POST /b/messages'), exchangeOf(JSON_BODY));
  t.match(answered, { status: 202, body: { id: 'id', status: 'accepted' } });
  t.same(bodies, ['{"room":"r"}']);
});

t.test(
  'when a body has another content type, then the request is refused and the body is not read',
  async (t) => {
    const { endpoints, bodies } = world();
    const exchange = exchangeOf({ headers: { 'content-type': 'text/plain' }, body: '{}' });
    const answered = await handled(endpointAt(endpoints, 'POST /b/messages'), exchange);
    t.match(answered, { status: 415, body: { detail: /^Content-Type: / } });
    t.same(bodies, []);
  },
);

t.test('when some messages of a list were sent, then the refusal has their ids', async (t) => {
  const why = problem(503, 'the broker did not take it');
  const refusal = async (ids: readonly (string | null)[] | undefined) => {
    const publishing = async () => left({ problem: why, ids }) as never;
    const { endpoints } = world({ publishing });
    return handled(endpointAt(endpoints, 'POST /b/messages'), exchangeOf(JSON_BODY));
  };
  t.match(await refusal(['id', null]), { status: 503, body: { ids: ['id', null] } });
  t.notOk('ids' in ((await refusal(undefined)).body as object));
});

t.test('when the client has gone, then no answer is sent', async (t) => {
  const { endpoints, bodies } = world();
  const exchange = exchangeOf(JSON_BODY);
  exchange.exchange.request.raw.destroy();
  const answered = await handled(endpointAt(endpoints, 'POST /b/messages'), exchange);
  t.match(answered, { hijacked: true, body: undefined });
  t.same(bodies, []);
});

t.test('when a target is no id, then no command is sent', async (t) => {
  const { endpoints, commands } = world();
  for (const [name, id] of [
    ['DELETE /b/connections/:id', 'alice'],
    ['DELETE /b/users/:id/connections', ''],
    ['DELETE /b/users/:id/connections', 'a'.repeat(256)],
  ] as const) {
    const exchange = exchangeOf({ params: { id } });
    t.match(await handled(endpointAt(endpoints, name), exchange), { status: 400 });
  }
  t.same(commands, []);
});

t.test('when a target is valid, then all pods get the command', async (t) => {
  const { endpoints, commands } = world();
  for (const [name, id] of [
    ['DELETE /b/connections/:id', ID],
    ['DELETE /b/users/:id/connections', 'alice'],
  ] as const) {
    const exchange = exchangeOf({ params: { id } });
    t.match(await handled(endpointAt(endpoints, name), exchange), { status: 202 });
  }
  t.same(commands, [
    { _tag: 'Disconnect', whom: 'connection', id: ID },
    { _tag: 'Disconnect', whom: 'user', id: 'alice' },
  ]);
});

t.test('when other pods cannot be reached, then the request can be sent again', async (t) => {
  const sendControl = () => of(left('no answer'));
  const { endpoints } = world({ sendControl });
  const exchange = exchangeOf({ params: { id: 'alice' } });
  const answered = await handled(
    endpointAt(endpoints, 'DELETE /b/users/:id/connections'),
    exchange,
  );
  t.match(answered, { status: 503, headers: { 'Retry-After': '1' } });
});
