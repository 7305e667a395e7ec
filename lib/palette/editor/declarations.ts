import type { EditorDeclaration, EditorNode } from "./red.js";

const known = new Map<string, EditorDeclaration>();

/** Called once by the page, with the declarations of all nodes. */
export function declare(declarations: readonly EditorDeclaration[]): void {
  for (const declaration of declarations) known.set(declaration.type, declaration);
}

export function declarationOf(node: Pick<EditorNode, "type">): EditorDeclaration {
  const declaration = known.get(node.type);
  if (!declaration) throw new Error(`Headrace does not know the node type ${node.type}`);
  return declaration;
}
