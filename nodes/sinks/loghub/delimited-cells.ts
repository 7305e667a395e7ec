import { HeadraceError } from "../../../lib/engine/errors.js";

export interface CellMarks {
  readonly separator: string;
  /** Empty: none. */
  readonly quote: string;
  readonly escape: string;
}

/**
 * The cells of one record, as opencsv's CSVParser reads them: a cell in quotes may hold separators and newlines, an
 * escape (or a quote, within quotes) stands before a quote that is meant. A quote that is never closed ends with the text.
 */
export function readCells(text: string, { separator, quote, escape }: CellMarks): string[] {
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i] as string;
    const next = text[i + 1];
    if (
      letter === escape &&
      next !== undefined &&
      (next === quote || next === escape) &&
      (quoted || escape !== quote)
    ) {
      cell += next;
      i++;
    } else if (letter === quote) quoted = !quoted;
    else if (letter === separator && !quoted) {
      cells.push(cell);
      cell = "";
    } else cell += letter;
  }
  cells.push(cell);
  return cells;
}

/** `\t`, `\u0001` … in a dialog are the characters they name. Throws FLUME_LOGHUB_SETTING unless it is one character. */
export function oneCharacter(field: string, text: string): string {
  const named: Readonly<Record<string, string>> = { "\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\" };
  const code = /^\\u([0-9a-fA-F]{4})$/.exec(text)?.[1];
  const character = code === undefined ? (named[text] ?? text) : String.fromCharCode(Number.parseInt(code, 16));
  if (character.length === 1) return character;
  throw new HeadraceError("FLUME_LOGHUB_SETTING", { field, value: text, wanted: "one character, \\t or \\u0001" });
}

export function namesIn(field: string, text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (!names.includes("")) return names;
  throw new HeadraceError("FLUME_LOGHUB_SETTING", { field, value: text, wanted: "names with commas between" });
}
