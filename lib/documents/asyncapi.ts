/** The AsyncAPI 3 document of the service: a function of the tables of messages, errors and close codes. */
import { VERSION } from '../version.js';
import { CLIENT_FRAMES } from './client-frames.js';
import { CLOSE_CODES, type CloseMeaning } from './close-codes.js';
import { ERROR_CODES, type ErrorMeaning } from './error-codes.js';
import type { Frame } from './frame.js';
import { type JsonSchema, type Schemas, schemaWriter } from './json-schema.js';
import type { Info } from './openapi-types.js';
import { SERVER_FRAMES } from './server-frames.js';
import { MessageId, RoomName } from './values.js';

interface Ref {
  readonly $ref: string;
}

export interface MessageObject {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly contentType: string;
  readonly payload: JsonSchema;
  readonly examples: readonly { readonly name: string; readonly payload: unknown }[];
}

export interface ChannelObject {
  readonly address: string;
  readonly title: string;
  readonly description: string;
  readonly servers: readonly Ref[];
  readonly parameters?: Readonly<Record<string, { readonly description: string }>>;
  readonly messages: Readonly<Record<string, Ref>>;
  readonly bindings: { readonly ws: Readonly<Record<string, unknown>> };
}

export interface AsyncApiOperation {
  readonly action: 'send' | 'receive';
  readonly channel: Ref;
  readonly title: string;
  readonly summary: string;
  readonly messages: readonly Ref[];
  readonly reply?: { readonly channel: Ref; readonly messages: readonly Ref[] };
}

export interface AsyncApi {
  readonly asyncapi: '3.0.0';
  readonly info: Info;
  readonly defaultContentType: 'application/json';
  readonly servers: Readonly<Record<string, unknown>>;
  readonly channels: Readonly<Record<string, ChannelObject>>;
  readonly operations: Readonly<Record<string, AsyncApiOperation>>;
  readonly components: {
    readonly messages: Readonly<Record<string, MessageObject>>;
    readonly schemas: Schemas;
    readonly securitySchemes?: Readonly<Record<string, unknown>>;
  };
  /** AsyncAPI has no field for close codes. */
  readonly 'x-close-codes': readonly CloseMeaning[];
  readonly 'x-error-codes': Readonly<Record<string, ErrorMeaning>>;
}

export interface AsyncApiOptions {
  readonly basePath: string;
  /** The address that a reader on the same machine uses. */
  readonly host: string;
  readonly isSecured: boolean;
}

export const asyncApi = ({ basePath, host, isSecured }: AsyncApiOptions): AsyncApi => {
  const { schemaOf, components } = schemaWriter();
  const messages = Object.fromEntries(
    [...CLIENT_FRAMES, ...SERVER_FRAMES].map((frame) => [
      frame.name,
      {
        name: frame.name,
        title: frame.name,
        summary: frame.summary,
        contentType: 'application/json',
        payload: schemaOf(frame.codec),
        examples: frame.examples.map(({ name, payload }) => ({ name, payload })),
      },
    ]),
  );
  const query: JsonSchema = {
    type: 'object',
    properties: {
      last_id: {
        description:
          'The id of the last message that the client has, or two ids with a comma: one of the room, one ' +
          'of the global log.',
        anyOf: [schemaOf(MessageId), { type: 'string' }],
      },
      room: { ...schemaOf(RoomName) },
      token: { type: 'string', description: 'The token, where the service asks for one.' },
    },
  };
  const ws = { ws: { method: 'GET', query, bindingVersion: '0.1.0' } };
  const channel = (address: string, title: string, description: string): ChannelObject => ({
    address,
    title,
    description,
    servers: Object.keys(SCHEMES).map((name) => ({ $ref: `#/servers/${name}` })),
    ...(address.endsWith('{room}')
      ? { parameters: { room: { description: 'The name of a room.' } } }
      : {}),
    messages: Object.fromEntries(
      Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
    ),
    bindings: ws,
  });
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'chat-api',
      version: VERSION,
      description:
        'The messages on a WebSocket: one JSON object in one text frame. The HTTP API is in ' +
        '`/openapi.json`. `x-close-codes` has the close codes, `x-error-codes` the codes of errors. A ' +
        'client ignores fields and events that it does not know.',
      license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' },
    },
    defaultContentType: 'application/json',
    servers: Object.fromEntries(
      Object.entries(SCHEMES).map(([name, description]) => [
        name,
        {
          host: '{host}',
          protocol: name,
          description,
          variables: { host: { default: host, description: 'Host and port of the service.' } },
          ...(isSecured
            ? {
                security: Object.keys(SECURITY_SCHEMES).map((name) => ({
                  $ref: `#/components/securitySchemes/${name}`,
                })),
              }
            : {}),
        },
      ]),
    ),
    channels: {
      room: channel(
        `${basePath}/ws/{room}`,
        'A room and the global log',
        'The connection is in the room from the start, and may join others.',
      ),
      global: channel(
        `${basePath}/ws`,
        'The global log alone',
        'The connection gets the messages to everybody, and may join rooms.',
      ),
    },
    operations: operations(),
    components: {
      messages,
      schemas: components(),
      ...(isSecured ? { securitySchemes: SECURITY_SCHEMES } : {}),
    },
    'x-close-codes': CLOSE_CODES,
    'x-error-codes': ERROR_CODES,
  };
};

const SCHEMES = { ws: 'Without encryption.', wss: 'Behind a proxy that ends TLS.' };

const SECURITY_SCHEMES = {
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  tokenInQuery: { type: 'httpApiKey', in: 'query', name: 'token' },
  apiKey: { type: 'httpApiKey', in: 'header', name: 'X-API-Key' },
};

/** An operation is described from the side of the server: it receives what a client sends. */
const operations = (): AsyncApi['operations'] => {
  const channel = { $ref: '#/channels/room' };
  const message = (name: string): Ref => ({ $ref: `#/channels/room/messages/${name}` });
  const operation = (
    { name, summary, answers }: Frame,
    action: AsyncApiOperation['action'],
  ): readonly [string, AsyncApiOperation] => [
    `${action}${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    {
      action,
      channel,
      title: name,
      summary,
      messages: [message(name)],
      ...(answers === undefined ? {} : { reply: { channel, messages: answers.map(message) } }),
    },
  ];
  return Object.fromEntries([
    ...CLIENT_FRAMES.map((frame) => operation(frame, 'receive')),
    ...SERVER_FRAMES.map((frame) => operation(frame, 'send')),
  ]);
};
