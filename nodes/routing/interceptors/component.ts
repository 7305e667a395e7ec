import type { RoutingComponent } from "../../../lib/engine/component.js";
import { boolean, rules, text } from "../../../lib/engine/properties.js";
import { createChain } from "./create-chain.js";

const properties = {
  rules: rules(
    {
      timestamp: {
        headerName: text("timestamp", { flumeKey: "headerName", required: true, format: "header" }),
        preserveExisting: boolean(false, { flumeKey: "preserveExisting" }),
      },
      host: {
        hostHeader: text("host", { flumeKey: "hostHeader", required: true, format: "header" }),
        useIP: boolean(true, { flumeKey: "useIP" }),
        preserveExisting: boolean(false, { flumeKey: "preserveExisting" }),
      },
      static: {
        key: text("key", { flumeKey: "key", required: true, format: "header" }),
        value: text("value", { flumeKey: "value" }),
        preserveExisting: boolean(true, { flumeKey: "preserveExisting" }),
      },
      /** At least one of withName, fromList and matching. */
      remove_header: {
        withName: text("", { flumeKey: "withName", format: "header" }),
        fromList: text("", { flumeKey: "fromList" }),
        fromListSeparator: text("\\s*,\\s*", { flumeKey: "fromListSeparator", required: true, format: "regex" }),
        matching: text("", { flumeKey: "matching", format: "regex" }),
      },
      uuid: {
        headerName: text("id", { flumeKey: "headerName", required: true, format: "header" }),
        preserveExisting: boolean(true, { flumeKey: "preserveExisting" }),
        prefix: text("", { flumeKey: "prefix" }),
      },
      search_replace: {
        searchPattern: text("", { flumeKey: "searchPattern", required: true, format: "regex" }),
        /** In Java's syntax: `$1`, `${name}`, and a backslash before what is meant literally. */
        replaceString: text("", { flumeKey: "replaceString" }),
        charset: text("UTF-8", { flumeKey: "charset", required: true, format: "charset" }),
      },
      regex_filter: {
        regex: text(".*", { flumeKey: "regex", required: true, format: "regex" }),
        excludeEvents: boolean(false, { flumeKey: "excludeEvents" }),
      },
      regex_extractor: {
        regex: text("", { flumeKey: "regex", required: true, format: "regex" }),
        /** One header name for each group: `name1, name2:millis(yyyy-MM-dd HH:mm)`. */
        serializers: text("", { flumeKey: "serializers", required: true }),
      },
    },
    [],
    { flumeKey: "interceptors" },
  ),
};

export const component: RoutingComponent<typeof properties> = {
  type: "flume-interceptors",
  role: "routing",
  flumeType: "interceptors",
  properties,
  icon: "flume-interceptors.svg",
  outputs: 1,
  canRefuse: true,
  create: (config, context) => createChain(config.rules, context),
};

export type InterceptorRule = Parameters<typeof component.create>[0]["rules"][number];
