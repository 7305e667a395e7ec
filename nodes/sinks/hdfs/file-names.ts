export interface NameSettings {
  readonly inUsePrefix: string;
  readonly inUseSuffix: string;
  readonly emptyInUseSuffix: boolean;
  /** With its dot, if it has one; empty: that of the codec. */
  readonly fileSuffix: string;
}

export interface NamedFile {
  /** While it is written. */
  readonly open: string;
  /** Once it is finished. */
  readonly final: string;
  /** What `final` ends with behind its number: by that, readers choose the codec. */
  readonly suffix: string;
}

/** Flume's names (BucketWriter.open): `<prefix>.<number><suffix>`, in between `<inUsePrefix>…<inUseSuffix>`. */
export function namedFile(
  directory: string,
  prefix: string,
  number: number,
  settings: NameSettings,
  codecExtension: string,
): NamedFile {
  const inside = directory === "/" ? "/" : `${directory}/`;
  const suffix = settings.fileSuffix || codecExtension;
  const name = `${prefix}.${number}${suffix}`;
  const inUseSuffix = settings.emptyInUseSuffix ? "" : settings.inUseSuffix;
  return { open: `${inside}${settings.inUsePrefix}${name}${inUseSuffix}`, final: inside + name, suffix };
}

/** For a file whose final name is another one's: a number before the suffix. */
export function otherName(final: string, suffix: string, number: number): string {
  return `${final.slice(0, final.length - suffix.length)}-${number}${suffix}`;
}
