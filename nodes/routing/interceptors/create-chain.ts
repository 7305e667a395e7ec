import type { RoutingContext, Router } from "../../../lib/engine/component.js";
import { asDeliveryError, HeadraceError, isHeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import type { InterceptorRule } from "./component.js";
import { HostInterceptor } from "./host-interceptor.js";
import type { Interceptor } from "./interceptor.js";
import { InterceptorChain } from "./interceptor-chain.js";
import { RegexExtractor } from "./regex-extractor.js";
import { RegexFilter } from "./regex-filter.js";
import { RemoveHeaderInterceptor } from "./remove-header-interceptor.js";
import { SearchReplace } from "./search-replace.js";
import { StaticInterceptor } from "./static-interceptor.js";
import { TimestampInterceptor } from "./timestamp-interceptor.js";
import { UuidInterceptor } from "./uuid-interceptor.js";

/** The chain that the rules describe. Rules that cannot work are reported, and hold every batch until they are mended. */
export function createChain(rules: readonly InterceptorRule[], context: RoutingContext): Router {
  try {
    return new InterceptorChain(
      rules.map((rule, i) => createInterceptor(rule, i + 1)),
      context.refusal,
    );
  } catch (error) {
    context.report(error);
    return {
      route() {
        throw asDeliveryError(error);
      },
    };
  }
}

/** `number`: the rule's place in the list, from 1, as errors name it. */
function createInterceptor(rule: InterceptorRule, number: number): Interceptor {
  try {
    switch (rule.type) {
      case "timestamp":
        return new TimestampInterceptor(rule);
      case "host":
        return new HostInterceptor(rule);
      case "static":
        return new StaticInterceptor(rule);
      case "remove_header":
        return new RemoveHeaderInterceptor(rule);
      case "uuid":
        return new UuidInterceptor(rule);
      case "search_replace":
        return new SearchReplace(rule);
      case "regex_filter":
        return new RegexFilter(rule);
      case "regex_extractor":
        return new RegexExtractor(rule, number);
    }
  } catch (error) {
    const reason = isHeadraceError(error) ? error.message : reasonOf(error);
    throw new HeadraceError("FLUME_INTERCEPTOR_INVALID", { number, kind: rule.type, reason }, error);
  }
}
