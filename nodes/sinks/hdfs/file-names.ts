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
  const name = `${prefix}.${number}${settings.fileSuffix || codecExtension}`;
  const suffix = settings.emptyInUseSuffix ? "" : settings.inUseSuffix;
  return { open: `${inside}${settings.inUsePrefix}${name}${suffix}`, final: inside + name };
}
