/**
 * `GET /openapi.json`, `GET /asyncapi.json` and `GET /docs`, from the table of endpoints. They are made at the
 * first request, and their modules are loaded then: most pods are never asked.
 */
import { ICON, STYLE } from '../documents/page-style.js';
import { ASYNCAPI, DOCS, OPENAPI } from './document-operations.js';
import type { Endpoint } from './endpoint.js';

export interface DocumentEndpointsDeps {
  /** All other endpoints. */
  readonly endpoints: readonly Endpoint[];
  readonly basePath: string;
  readonly port: number;
  /** Whether the service asks for tokens. */
  readonly isSecured: boolean;
}

/** The page loads its style and its icon from here, and nothing else. */
const POLICY = "default-src 'self'";

export const documentEndpoints = ({
  endpoints,
  basePath,
  port,
  isSecured,
}: DocumentEndpointsDeps): readonly Endpoint[] => {
  const own: readonly Endpoint[] = [
    {
      method: 'GET',
      path: '/openapi.json',
      auth: 'none',
      operation: OPENAPI,
      handler: async ({ reply }) => reply.type(JSON_TYPE).send((await texts()).openApi),
    },
    {
      method: 'GET',
      path: '/asyncapi.json',
      auth: 'none',
      operation: ASYNCAPI,
      handler: async ({ reply }) => reply.type(JSON_TYPE).send((await texts()).asyncApi),
    },
    {
      method: 'GET',
      path: '/docs',
      auth: 'none',
      operation: DOCS,
      handler: async ({ reply }) =>
        reply
          .header('Content-Security-Policy', POLICY)
          .type('text/html; charset=utf-8')
          .send((await texts()).page),
    },
    asset('/docs/style.css', 'text/css; charset=utf-8', STYLE),
    asset('/docs/icon.svg', 'image/svg+xml', ICON),
  ];
  const texts = once(async () => {
    const { asyncApi } = await import('../documents/asyncapi.js');
    const { openApi } = await import('../documents/openapi.js');
    const { docsPage } = await import('../documents/page.js');
    const ofHttp = openApi({ routes: [...endpoints, ...own], isSecured });
    const ofSockets = asyncApi({ basePath, host: `localhost:${port}`, isSecured });
    return {
      openApi: JSON.stringify(ofHttp),
      asyncApi: JSON.stringify(ofSockets),
      page: docsPage(ofHttp, ofSockets),
    };
  });
  return own;
};

const JSON_TYPE = 'application/json; charset=utf-8';

const asset = (path: string, type: string, text: string): Endpoint => ({
  method: 'GET',
  path,
  auth: 'none',
  operation: undefined,
  handler: ({ reply }) => reply.type(type).send(text),
});

const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined;
  return () => (made ??= { value: make() }).value;
};
