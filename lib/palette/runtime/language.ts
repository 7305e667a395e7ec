import { readFileSync } from "node:fs";
import { join } from "node:path";
import english from "../../../locales/en-US/errors.json";
import englishStatus from "../../../locales/en-US/status.json";

type ErrorCatalogue = Readonly<Record<string, { message: string; next: string }>>;

/** `dist/locales`, beside the compiled `lib`. */
const LOCALES = join(__dirname, "../../../locales");

let catalogue: ErrorCatalogue = english;
let statusTexts: typeof englishStatus = englishStatus;

/** Texts of errors and statuses in the language of the Node-RED runtime (`lang` in settings.js, else the environment). */
export function useLanguage(lang: string | undefined): void {
  const wanted = lang ?? process.env["LC_ALL"] ?? process.env["LANG"] ?? "";
  if (!wanted.startsWith("zh")) return;
  try {
    catalogue = readTexts("errors.json");
    statusTexts = readTexts("status.json");
  } catch {
    // Without that catalogue English is the fallback, as everywhere in Node-RED.
  }
}

export function errorCatalogue(): ErrorCatalogue {
  return catalogue;
}

/** Short texts under a node. */
export function statusText(key: keyof typeof englishStatus): string {
  return statusTexts[key];
}

function readTexts<T>(file: string): T {
  return JSON.parse(readFileSync(join(LOCALES, "zh-CN", file), "utf8")) as T;
}
