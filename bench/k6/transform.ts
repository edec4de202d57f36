/**
 * Makes a script of k6 run in Node. In k6 `sleep`, requests and `ws.connect` block their user, each in a thread of its
 * own. Here each such call gets an `await`, and the functions around it, and the callers of these, become async.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

export interface Transformed {
  /** A module of CommonJS. */
  readonly code: string;
  /** The files that it imports, by their names in it. */
  readonly imports: ReadonlyMap<string, string>;
  /** The exports whose calls block. */
  readonly blocking: ReadonlySet<string>;
}

type Functions =
  | ts.FunctionDeclaration
  | ts.FunctionExpression
  | ts.ArrowFunction
  | ts.MethodDeclaration;

interface Insert {
  readonly at: number;
  readonly text: string;
}

/** The default exports whose methods block. */
const BLOCKING_OBJECTS = new Set(['k6/http', 'k6/ws']);
/** The names of module `k6` that block. */
const BLOCKING_NAMES = new Set(['sleep', 'group']);

const isFunction = (node: ts.Node): node is Functions =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node);

const functionAround = (node: ts.Node): Functions | undefined => {
  for (let at = node.parent; !ts.isSourceFile(at); at = at.parent) if (isFunction(at)) return at;
  return undefined;
};

/** The name by which a function is called. */
const nameOf = (node: Functions): string | undefined => {
  if (ts.isFunctionDeclaration(node)) return node.name?.text;
  const { parent } = node;
  return ts.isVariableDeclaration(parent) && ts.isIdentifier(parent.name)
    ? parent.name.text
    : undefined;
};

const isAsync = (node: Functions): boolean =>
  (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Async) !== 0;

/** Where `async` belongs: after `export default`. */
const asyncAt = (node: Functions, file: ts.SourceFile): number =>
  node
    .getChildren(file)
    .find(({ kind }) => kind === ts.SyntaxKind.FunctionKeyword)
    ?.getStart(file) ?? node.getStart(file);

const everyNode = (root: ts.Node, visit: (node: ts.Node) => void): void => {
  visit(root);
  root.forEachChild((child) => everyNode(child, visit));
};

const insertAll = (text: string, inserts: readonly Insert[]): string =>
  [...inserts]
    .sort((one, other) => other.at - one.at)
    .reduce((done, { at, text: more }) => done.slice(0, at) + more + done.slice(at), text);

export const transform = (path: string, others: (path: string) => Transformed): Transformed => {
  const text = readFileSync(path, 'utf8');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const objects = new Set<string>();
  const names = new Set<string>();
  const imports = new Map<string, string>();
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier))
      continue;
    const from = statement.moduleSpecifier.text;
    const isLocal = from.startsWith('.');
    const target = join(dirname(path), from);
    if (isLocal) imports.set(from, target);
    const blocking = isLocal ? others(target).blocking : BLOCKING_NAMES;
    const { importClause } = statement;
    if (importClause?.name && BLOCKING_OBJECTS.has(from)) objects.add(importClause.name.text);
    const bindings = importClause?.namedBindings;
    if (isLocal && bindings && ts.isNamespaceImport(bindings) && blocking.size > 0)
      throw new Error(`${path}: import ${[...blocking].join(', ')} of ${from} by name`);
    if (!bindings || !ts.isNamedImports(bindings) || (from !== 'k6' && !isLocal)) continue;
    for (const { name, propertyName } of bindings.elements)
      if (blocking.has((propertyName ?? name).text)) names.add(name.text);
  }

  const isBlocking = ({ expression }: ts.CallExpression): boolean =>
    ts.isIdentifier(expression)
      ? names.has(expression.text)
      : ts.isPropertyAccessExpression(expression) &&
        ts.isIdentifier(expression.expression) &&
        objects.has(expression.expression.text);
  const calls = new Set<ts.CallExpression>();
  const functions = new Set<Functions>();
  for (let before = -1; before < calls.size; ) {
    before = calls.size;
    everyNode(file, (node) => {
      if (!ts.isCallExpression(node) || calls.has(node) || !isBlocking(node)) return;
      const around = functionAround(node);
      if (around === undefined) throw new Error(`${path}: no call may block outside of a function`);
      calls.add(node);
      functions.add(around);
      const name = nameOf(around);
      if (name !== undefined) names.add(name);
    });
  }

  const inserts: Insert[] = [
    ...[...calls].flatMap((call) => [
      { at: call.getStart(file), text: '(await ' },
      { at: call.end, text: ')' },
    ]),
    ...[...functions]
      .filter((node) => !isAsync(node))
      .map((node) => ({ at: asyncAt(node, file), text: 'async ' })),
  ];
  everyNode(file, (node) => {
    if (ts.isIdentifier(node) && node.text === '__ITER') inserts.push({ at: node.end, text: '()' });
  });
  const { outputText } = ts.transpileModule(insertAll(text, inserts), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  return { code: outputText, imports, blocking: names };
};
