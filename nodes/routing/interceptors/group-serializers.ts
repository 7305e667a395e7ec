import { HeadraceError } from "../../../lib/engine/errors.js";
import { datePattern } from "../../../lib/formats/date-pattern.js";

/** Makes the value of a header out of what one group has matched. */
export interface GroupSerializer {
  readonly name: string;
  serialize(group: string): string;
}

/** A name, possibly with `:default` or `:millis(pattern)`; the pattern may contain commas and, quoted or balanced, parentheses. */
const ENTRY = /\s*([^\s,:()]+)\s*(?::\s*(?:(default)|(millis)\s*\((.*?)\)))?\s*(?:,(?=\s*[^\s,])|$)/isy;

/**
 * Reads `name1, name2:millis(yyyy-MM-dd HH:mm)`: one for each group, in order.
 * @throws HeadraceError when it is malformed.
 */
export function parseSerializers(text: string): readonly GroupSerializer[] {
  const serializers: GroupSerializer[] = [];
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < text.length) {
    const found = ENTRY.exec(text);
    if (!found) throw new HeadraceError("FLUME_SERIALIZERS_INVALID", { value: text });
    const [, name = "", , millis, pattern = ""] = found;
    if (millis === undefined) serializers.push({ name, serialize: (group) => group });
    else {
      const parse = datePattern(pattern);
      serializers.push({ name, serialize: (group) => String(parse(group)) });
    }
  }
  return serializers;
}
