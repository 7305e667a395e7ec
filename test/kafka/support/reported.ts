import { type HeadraceError, isHeadraceError } from "../../../lib/engine/errors.js";
import type { TestContext } from "../../support/component-context.js";

/**
 * The first error with this code that a component reported. On a busy machine others come before and between: a
 * coordinator that is loading, a broker that takes its time.
 */
export function reported({ reports }: TestContext, code: HeadraceError["code"]): HeadraceError | undefined {
  return reports.filter(isHeadraceError).find((error) => error.code === code);
}
