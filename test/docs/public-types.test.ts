import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import ts from 'typescript-5'

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))

const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
}

const ENTRIES = ['index.d.ts', 'nest/index.d.ts', 'simulator/index.d.ts']

// One for all entries: most of its time are the types of others, which they share.
const program = ts.createProgram(
  ENTRIES.map((entry) => `${DIST}${entry}`),
  { ...OPTIONS, skipLibCheck: true },
)
const checker = program.getTypeChecker()

/** What an entry of the package exports, and the named types of ours in its signatures that it does not. */
function surfaceOf(entry: string): { readonly exported: ReadonlySet<string>; readonly missing: readonly string[] } {
  const real = (symbol: ts.Symbol): ts.Symbol =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const module = checker.getSymbolAtLocation(program.getSourceFile(`${DIST}${entry}`)!)!
  const exported = new Set(checker.getExportsOfModule(module).map(real))
  const seen = new Set(exported)
  const isOurs = (symbol: ts.Symbol): boolean =>
    (symbol.flags & (ts.SymbolFlags.Type & ~ts.SymbolFlags.TypeParameter)) !== 0 &&
    symbol.declarations?.every((declaration) => declaration.getSourceFile().fileName.startsWith(DIST)) === true
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const found = checker.getSymbolAtLocation(node)
      const symbol = found && real(found)
      const isNamed = ts.isPartOfTypeNode(node) || ts.isExpressionWithTypeArguments(node.parent)
      if (symbol && isNamed && isOurs(symbol)) seen.add(symbol)
    }
    ts.forEachChild(node, visit)
  }
  // A set goes on with what is added meanwhile.
  for (const symbol of seen) for (const declaration of symbol.declarations ?? []) visit(declaration)
  const missing = [...seen].filter((symbol) => !exported.has(symbol)).map(({ name }) => name)
  return { exported: new Set([...exported].map(({ name }) => name)), missing: missing.toSorted() }
}

describe('the types of the package', () => {
  it.each(ENTRIES)('%s exports every type that its signatures name', (entry) => {
    const { exported, missing } = surfaceOf(entry)
    expect(missing).toEqual([])
    expect(exported.size).toBeGreaterThan(10)
  })
})
