/** The OpenAPI 3.1 document of the service: a function of the table of routes. */
import type * as t from 'io-ts';
import { VERSION } from '../version.js';
import { needOf, SECURITY_SCHEMES, securityOf } from './access.js';
import { schemaWriter, type SchemaWriter } from './json-schema.js';
import type {
  Content,
  Examples,
  OpenApi,
  OperationObject,
  ParameterObject,
  ResponseObject,
} from './openapi-types.js';
import type { Answer, DocumentedRoute, Operation } from './operation.js';
import { PROBLEM_TYPE, Problem, problemsOf } from './problems.js';

export interface OpenApiOptions {
  readonly routes: readonly DocumentedRoute[];
  /** Whether the service asks for tokens. */
  readonly isSecured: boolean;
}

/** A path of the table of routes as the documents write it. */
export const documentedPath = (path: string): string =>
  path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{room}');

export const openApi = ({ routes, isSecured }: OpenApiOptions): OpenApi => {
  const writer = schemaWriter();
  const paths: Record<string, Record<string, OperationObject>> = {};
  for (const route of routes) {
    const { operation, method } = route;
    if (operation === undefined) continue;
    const path = documentedPath(route.path);
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: operationObject(writer, route, operation, isSecured),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'chat-api',
      version: VERSION,
      description:
        'Rooms, presence and messages over WebSocket, and this API over HTTP for other servers and for ' +
        'operators. The messages on a WebSocket are in `/asyncapi.json`. HEAD works where GET works. ' +
        'Another method is 405 with `Allow`. Every error is a problem (RFC 9457), except the 503 of `/ready`.' +
        (isSecured ? '' : ' This service asks for no token.'),
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The pod that answered this document.' }],
    tags: TAGS,
    paths,
    components: {
      schemas: writer.components(),
      ...(isSecured ? { securitySchemes: SECURITY_SCHEMES } : {}),
    },
  };
};

const TAGS: readonly { readonly name: Operation['tag']; readonly description: string }[] = [
  { name: 'messages', description: 'Publish from another server.' },
  { name: 'rooms', description: 'Read a room and its last messages.' },
  { name: 'operators', description: 'Disconnect clients.' },
  { name: 'sockets', description: 'The addresses of WebSockets, and their counts.' },
  { name: 'pod', description: 'For load balancers and monitors.' },
  { name: 'pages', description: 'Pages and documents for people and tools.' },
];

const operationObject = (
  writer: SchemaWriter,
  route: DocumentedRoute,
  operation: Operation,
  isSecured: boolean,
): OperationObject => {
  const { id, tag, summary, body, examples } = operation;
  const sentences = [operation.description, needOf(route, isSecured)].filter(
    (some) => some !== undefined,
  );
  const parameters = parametersOf(writer, route, operation);
  const bodies = examples.filter((example) => example.body !== undefined);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(sentences.length === 0 ? {} : { description: sentences.join(' ') }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: contentOf(
              writer,
              'application/json',
              body,
              bodies.map(({ name, summary, body }) => [name, { summary, value: body }]),
            ),
          },
        }),
    responses: responsesOf(writer, route, operation, isSecured),
    security: securityOf(route, isSecured),
  };
};

const parametersOf = (
  writer: SchemaWriter,
  { path, parameters = [] }: DocumentedRoute,
  { parameters: codecs = {}, examples }: Operation,
): readonly ParameterObject[] => {
  const inPath = [...documentedPath(path).matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  // the row of a handshake allows any parameter: those that have a meaning are in the operation alone
  const names = new Set([...inPath, ...parameters, ...Object.keys(codecs)]);
  return [...names].map((name): ParameterObject => {
    const codec = codecs[name];
    if (codec === undefined) throw new TypeError(`${path}: give the parameter ${name} a codec`);
    const isInPath = inPath.includes(name);
    const some = examples.flatMap((example) => {
      const value = (isInPath ? example.path : example.query)?.[name];
      return value === undefined
        ? []
        : [[example.name, { summary: example.summary, value }] as const];
    });
    const schema = writer.schemaOf(codec);
    return {
      name,
      in: isInPath ? 'path' : 'query',
      required: isInPath,
      schema,
      ...(some.length === 0 ? {} : { examples: Object.fromEntries(some) }),
    };
  });
};

const responsesOf = (
  writer: SchemaWriter,
  route: DocumentedRoute,
  { answers, examples }: Operation,
  isSecured: boolean,
): Readonly<Record<string, ResponseObject>> => {
  const good = Object.entries(answers).filter(([status]) => Number(status) < 400);
  const bad = Object.entries(problemsOf(route, isSecured));
  return Object.fromEntries(
    [...good, ...bad].map(([status, answer]) => {
      const some = examples
        .filter((example) => String(example.status) === status && example.answer !== undefined)
        .map(({ name, summary, answer }) => [name, { summary, value: answer }] as const);
      return [status, responseOf(writer, Number(status), answer, some)];
    }),
  );
};

type NamedExamples = readonly (readonly [string, Examples[string]])[];

const responseOf = (
  writer: SchemaWriter,
  status: number,
  { description, headers, mediaType, codec }: Answer,
  examples: NamedExamples,
): ResponseObject => {
  const body = codec ?? (status >= 400 ? Problem : undefined);
  const usual = codec === undefined ? PROBLEM_TYPE : 'application/json';
  return {
    description,
    ...(headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [
              name,
              { description: text, schema: { type: 'string' } },
            ]),
          ),
        }),
    ...(body === undefined
      ? {}
      : { content: contentOf(writer, mediaType ?? usual, body, examples) }),
  };
};

const contentOf = (
  { schemaOf }: SchemaWriter,
  mediaType: string,
  codec: t.Mixed,
  examples: NamedExamples,
): Content => ({
  [mediaType]: {
    schema: schemaOf(codec),
    ...(examples.length === 0 ? {} : { examples: Object.fromEntries(examples) }),
  },
});
