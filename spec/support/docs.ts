/** Texts of the documents that specs run or check. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root.js';

const SECURITY = join(ROOT, 'docs/security.md');

/** The Redis user of docs/security.md: it has the rights that a pod needs, and no more. */
export const aclOf = (kind: 'standalone' | 'Cluster'): string => {
  const lines = readFileSync(SECURITY, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('user chat on >secret '));
  const line = lines.find((text) => text.includes('+ssubscribe') === (kind === 'Cluster'));
  if (line === undefined)
    throw new Error(`docs/security.md: expected a user for ${kind}, got none`);
  return line;
};

/** Its name and password, as in a URL. */
export const ACL_USER = 'chat:secret';

/** The URL with that user. */
export const asUser = (url: string): string => url.replace('redis://', `redis://${ACL_USER}@`);

/** The flags of node's permission model. */
export const permissionsIn = (): readonly string[] => {
  const flags = /^node (--experimental-permission .*) dist\/main\.js$/m.exec(
    readFileSync(SECURITY, 'utf8'),
  )?.[1];
  if (flags === undefined)
    throw new Error('docs/security.md: expected the flags of the permission model, got none');
  return flags.split(' ');
};

/** The files that a document links to, without the fragment. Links in code do not count. */
export const linksIn = (text: string): readonly string[] =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    const path = target.replace(/#.*/, '');
    return path === '' || /^[a-z]+:/i.test(path) ? [] : [path];
  });

/** The links with a fragment: `#heading` alone is in the document itself. */
export const anchorsIn = (text: string): readonly (readonly [path: string, anchor: string])[] =>
  [...withoutCode(text).matchAll(/\]\(([^)\s#:]*)#([^)\s]+)\)/g)].map(
    ([, path = '', anchor = '']) => [path, anchor],
  );

/** The fragments of the headings of a document, by the rule of GitHub. */
export const headingsIn = (text: string): readonly string[] =>
  [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

const withoutCode = (text: string): string =>
  text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** The fenced blocks of a document in one language. */
export const blocksIn = (text: string, language: string): readonly string[] =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, name, block = '']) =>
    name === language ? [block] : [],
  );
