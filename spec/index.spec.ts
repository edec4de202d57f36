/** What the package exports, as an editor shows it: every export has a text, and every type that one shows is exported too. */
import { join } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { ROOT } from './support/root.js';

const INDEX = join(ROOT, 'lib/index.ts');

const read = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path));
const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, ROOT);
const program = ts.createProgram([INDEX], options);
const checker = program.getTypeChecker();

const target = (symbol: ts.Symbol): ts.Symbol =>
  (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);

const exported = (): readonly ts.Symbol[] => {
  const file = program.getSourceFile(INDEX);
  const module = file === undefined ? undefined : checker.getSymbolAtLocation(file);
  if (module === undefined) throw new Error('lib/index.ts is no module');
  return checker.getExportsOfModule(module).map(target);
};

/**
 * The types of the package that a declaration names where its user sees them: not in the body of a function.
 */
const namedIn = (node: ts.Node): readonly ts.Symbol[] => {
  if (ts.isBlock(node) || ts.isJSDoc(node)) return [];
  if (ts.isArrowFunction(node))
    return [...node.parameters, ...(node.type === undefined ? [] : [node.type])].flatMap(namedIn);
  const found: ts.Symbol[] = [];
  if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
    const symbol = checker.getSymbolAtLocation(
      ts.isTypeReferenceNode(node) ? node.typeName : node.expression,
    );
    if (symbol !== undefined) found.push(target(symbol));
  }
  ts.forEachChild(node, (child) => void found.push(...namedIn(child)));
  return found;
};

const isOurs = ({ declarations = [] }: ts.Symbol): boolean =>
  declarations.some(
    (node) =>
      node.getSourceFile().fileName.startsWith(join(ROOT, 'lib')) &&
      !ts.isTypeParameterDeclaration(node),
  );

/** How `Config` is made of the schema: an editor shows the values that come of it. */
const DERIVATIONS: readonly string[] = ['ConfigOf'];

t.test('when an export uses a type of the package, then that type is exported', async (t) => {
  const all = exported();
  t.ok(all.length > 20);
  const missing = all.flatMap((symbol) =>
    (symbol.declarations ?? [])
      .flatMap(namedIn)
      .filter((named) => isOurs(named) && !all.includes(named) && !DERIVATIONS.includes(named.name))
      .map((named) => `${symbol.name} shows ${named.name}`),
  );
  t.strictSame([...new Set(missing)], []);
});

t.test('when an editor shows an export, then its text needs no other document', async (t) => {
  for (const symbol of exported()) {
    const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
    t.not(text, '', symbol.name);
    const node = symbol.declarations?.[0];
    const all = node?.getSourceFile().text.slice(node.getFullStart(), node.getEnd()) ?? '';
    t.notMatch(all, /contract section/i, symbol.name);
  }
});
