/**
 * The page at `/docs`: both documents as HTML, without scripts. A person reads it, a browser without access to
 * the Internet shows it, and `curl` prints it.
 */
import { ACCESS } from './access.js';
import type { AsyncApi, MessageObject } from './asyncapi.js';
import { type Html, html, prose } from './html.js';
import type { OpenApi, OperationObject, ParameterObject } from './openapi-types.js';
import { examplesOf, jsonText, pre } from './page-examples.js';
import { kindOf, schemaTable, table } from './page-schema.js';

export const docsPage = (http: OpenApi, sockets: AsyncApi): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${http.info.title} ${http.info.version}: API</title>
<link rel="icon" href="/docs/icon.svg">
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<h1>${http.info.title} ${http.info.version}</h1>
<p>${prose(http.info.description)}</p>
<p>For tools: <a href="/openapi.json">OpenAPI 3.1</a>, <a href="/asyncapi.json">AsyncAPI 3</a>.</p>
</header>
${contents(http, sockets)}
<main id="main">
${isSecured(http) ? access : ''}
<h2 id="http">HTTP</h2>
${operationsOf(http).map(({ path, method, operation }) => endpoint(path, method, operation))}
<h2 id="websocket">WebSocket</h2>
${Object.values(sockets.channels).map(
  ({ address, title, description }) =>
    html`<p><code>${address}</code>: ${title}. ${description}</p>\n`,
)}
<h3 id="from-clients">Messages of clients</h3>
${messagesOf(sockets, 'receive').map(message)}
<h3 id="from-server">Messages of the server</h3>
${messagesOf(sockets, 'send').map(message)}
<h3 id="errors">Error codes</h3>
${table(
  'data.code of an error message',
  ['code', 'reason', 'send it again?'],
  Object.entries(sockets['x-error-codes']).map(([name, { reason, again }]) => [
    html`<code>${name}</code>`,
    prose(reason),
    again ? 'yes' : 'no',
  ]),
)}
<h3 id="closes">Close codes</h3>
${table(
  'Codes with which a connection is closed',
  ['code', 'reason', 'meaning', 'reconnect?'],
  sockets['x-close-codes'].map(({ code, reason, meaning, reconnect }) => [
    String(code),
    reason ?? '',
    prose(meaning),
    reconnect ? 'yes' : 'no',
  ]),
)}
<h2 id="values">Values</h2>
${Object.entries({ ...http.components.schemas, ...sockets.components.schemas }).map(
  ([name, schema]) => html`
<h3 id="value-${name}">${name}</h3>
<p>${prose(schema.description ?? '')}</p>
${schemaTable(schema, name)}`,
)}
</main>
</body>
</html>
`.text;

const isSecured = ({ components }: OpenApi): boolean => components.securitySchemes !== undefined;

const access = html`<h2 id="access">Access</h2>
${ACCESS.map((text) => html`<p>${prose(text)}</p>\n`)}`;

interface Row {
  readonly path: string;
  readonly method: string;
  readonly operation: OperationObject;
}

/** All operations, by their tags. */
const operationsOf = ({ tags, paths }: OpenApi): readonly Row[] => {
  const rows = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation,
    })),
  );
  return tags.flatMap(({ name }) => rows.filter(({ operation }) => operation.tags.includes(name)));
};

const messagesOf = (
  { operations, components }: AsyncApi,
  action: 'send' | 'receive',
): readonly MessageObject[] =>
  Object.values(operations)
    .filter((operation) => operation.action === action)
    .flatMap(({ title }) => components.messages[title] ?? []);

const contents = (http: OpenApi, sockets: AsyncApi): Html => html`<nav aria-label="Contents">
<h2>Contents</h2>
${isSecured(http) ? html`<h3><a href="#access">Access</a></h3>` : ''}
<h3><a href="#http">HTTP</a></h3>
<ul>${operationsOf(http).map(
  ({ method, path, operation: { operationId } }) =>
    html`<li><a href="#${operationId}">${method} ${path}</a></li>\n`,
)}</ul>
<h3><a href="#websocket">WebSocket</a></h3>
<ul>${[...messagesOf(sockets, 'receive'), ...messagesOf(sockets, 'send')].map(
  ({ name }) => html`<li><a href="#message-${name}">${name}</a></li>\n`,
)}
<li><a href="#errors">Error codes</a></li>
<li><a href="#closes">Close codes</a></li></ul>
<h3><a href="#values">Values</a></h3>
</nav>`;

/**
 * For an operation with an empty `security`. The description of any other operation says what it needs. An
 * operation of this kind has a 401 only when it is a handshake of a service without tokens.
 */
const tokenText = ({ responses }: OperationObject): string =>
  '401' in responses ? 'Needs a token, where the service asks for one.' : 'No token is needed.';

const endpoint = (path: string, method: string, operation: OperationObject): Html => {
  const { operationId, summary, description, parameters = [], security, responses } = operation;
  const bodies = Object.values(operation.requestBody?.content ?? {});
  return html`
<section aria-labelledby="${operationId}">
<h3 id="${operationId}"><span class="method">${method}</span> <code>${path}</code></h3>
<p>${prose(summary)}</p>
${description === undefined ? '' : html`<p>${prose(description)}</p>`}
${security.length > 0 ? '' : html`<p>${tokenText(operation)}</p>`}
${parameters.length === 0 ? '' : parameterTable(parameters)}
${bodies.map(({ schema }) => html`<h4>Body</h4>\n${schemaTable(schema, 'The body')}`)}
${table(
  `Answers of ${method} ${path}`,
  ['status', 'meaning', 'body', 'headers'],
  Object.entries(responses).map(([status, { description, content = {}, headers = {} }]) => [
    status,
    prose(description),
    html`${Object.entries(content).map(
      ([mediaType, { schema }]) => html`${kindOf(schema)} <code>${mediaType}</code>`,
    )}`,
    html`${Object.entries(headers).map(
      ([name, { description }]) => html`<code>${name}</code>: ${prose(description)} `,
    )}`,
  ]),
)}
${Object.entries(responses).flatMap(([status, { content = {} }]) =>
  Object.values(content).map(({ schema }) =>
    schema.properties === undefined ? '' : schemaTable(schema, `The body of ${status}`),
  ),
)}
${examplesOf(path, method, operation)}
</section>`;
};

const parameterTable = (parameters: readonly ParameterObject[]): Html =>
  table(
    'Parameters',
    ['parameter', 'in', 'kind'],
    parameters.map(({ name, in: where, required, schema }) => [
      html`<code>${name}</code>${required ? '' : ' (optional)'}`,
      where,
      html`${kindOf(schema)}`,
    ]),
  );

const message = ({ name, summary, payload, examples }: MessageObject): Html => html`
<section aria-labelledby="message-${name}">
<h4 id="message-${name}">${name}</h4>
<p>${prose(summary)}</p>
${examples.map(({ payload }) => pre(jsonText(payload)))}
${schemaTable(payload, `Fields of ${name}`)}
</section>`;
